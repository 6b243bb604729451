// SIGFPE, SIGILL and SIGTRAP: what the instruction did.
#pragma once

#include "postmortem/crash/explanation.h"
#include "postmortem/crash/scene.h"

namespace inquest::crash {

void explain_division(const Scene& scene, Explanation& explanation);
void explain_illegal_instruction(const Scene& scene, Explanation& explanation);
void explain_trap(const Scene& scene, Explanation& explanation);

}  // namespace inquest::crash
