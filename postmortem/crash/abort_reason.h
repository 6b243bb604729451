// SIGABRT: why the program gave itself up.
#pragma once

#include "postmortem/crash/explanation.h"
#include "postmortem/crash/scene.h"

namespace inquest::crash {

void explain_abort(const Scene& scene, Explanation& explanation);
/// V8 ends the process with a trap or an undefined instruction, in functions that are known: then the explanation,
/// which says as much about the instruction, is replaced by the cause.
void explain_deliberate_trap(const Scene& scene, Explanation& explanation);
/// A signal that came from outside, or none at all.
void explain_sent_signal(const Scene& scene, Explanation& explanation);

}  // namespace inquest::crash
