// si_code in words, and what a signal's number says about its sender.
#pragma once

#include <string>

namespace inquest::crash {

/// "address not mapped (SEGV_MAPERR)"; empty for a code without meaning.
std::string code_words(int signal, int code);
/// kill, tkill, sigqueue and the like: the code is not positive (include/uapi/asm-generic/siginfo.h, SI_FROMUSER).
bool is_sent(int code);
/// A signal that the processor's own exceptions raise.
bool is_synchronous(int signal);

// The numbers of Linux on x86-64, independent of the machine that inquest runs on.
constexpr int kSigIll = 4, kSigTrap = 5, kSigAbrt = 6, kSigBus = 7, kSigFpe = 8, kSigKill = 9, kSigSegv = 11,
              kSigChld = 17, kSigStop = 19, kSigSys = 31;
constexpr int kFromUser = 0, kFromKernel = 0x80, kFromQueue = -1, kFromTimer = -2, kFromTkill = -6;
constexpr int kSegvMapErr = 1, kSegvAccErr = 2, kSegvPkuErr = 4;
constexpr int kBusAlignment = 1, kBusAddress = 2, kBusObject = 3;
constexpr int kFpeIntegerDivision = 1;

}  // namespace inquest::crash
