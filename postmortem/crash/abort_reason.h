// SIGABRT: why the program gave itself up.
#pragma once

#include "postmortem/crash/explanation.h"
#include "postmortem/crash/scene.h"

namespace inquest::crash {

void explain_abort(const Scene& scene, Explanation& explanation);
/// A signal that came from outside, or none at all.
void explain_sent_signal(const Scene& scene, Explanation& explanation);

}  // namespace inquest::crash
