#include "postmortem/crash/signal_words.h"

#include <array>

namespace inquest::crash {
namespace {

struct Code {
  int signal;  ///< 0: any
  int code;
  const char* words;
};

// include/uapi/asm-generic/siginfo.h, Linux 6.x.
constexpr std::array kCodes = {
    Code{kSigSegv, 1, "address not mapped (SEGV_MAPERR)"},
    Code{kSigSegv, 2, "access not permitted (SEGV_ACCERR)"},
    Code{kSigSegv, 3, "bounds check failed (SEGV_BNDERR)"},
    Code{kSigSegv, 4, "denied by a memory protection key (SEGV_PKUERR)"},
    Code{kSigSegv, 10, "shadow stack violated (SEGV_CPERR)"},
    Code{kSigBus, 1, "misaligned address (BUS_ADRALN)"},
    Code{kSigBus, 2, "address without memory behind it (BUS_ADRERR)"},
    Code{kSigBus, 3, "hardware error of the mapped object (BUS_OBJERR)"},
    Code{kSigBus, 4, "memory error, action required (BUS_MCEERR_AR)"},
    Code{kSigBus, 5, "memory error, action optional (BUS_MCEERR_AO)"},
    Code{kSigFpe, 1, "integer division (FPE_INTDIV)"},
    Code{kSigFpe, 2, "integer overflow (FPE_INTOVF)"},
    Code{kSigFpe, 3, "floating-point division by zero (FPE_FLTDIV)"},
    Code{kSigFpe, 4, "floating-point overflow (FPE_FLTOVF)"},
    Code{kSigFpe, 5, "floating-point underflow (FPE_FLTUND)"},
    Code{kSigFpe, 6, "inexact floating-point result (FPE_FLTRES)"},
    Code{kSigFpe, 7, "invalid floating-point operation (FPE_FLTINV)"},
    Code{kSigFpe, 8, "subscript out of range (FPE_FLTSUB)"},
    Code{kSigIll, 1, "illegal opcode (ILL_ILLOPC)"},
    Code{kSigIll, 2, "illegal operand (ILL_ILLOPN)"},
    Code{kSigIll, 3, "illegal addressing mode (ILL_ILLADR)"},
    Code{kSigIll, 4, "illegal trap (ILL_ILLTRP)"},
    Code{kSigIll, 5, "privileged opcode (ILL_PRVOPC)"},
    Code{kSigIll, 6, "privileged register (ILL_PRVREG)"},
    Code{kSigIll, 8, "internal stack error (ILL_BADSTK)"},
    Code{kSigTrap, 1, "breakpoint (TRAP_BRKPT)"},
    Code{kSigTrap, 2, "trace trap (TRAP_TRACE)"},
    Code{kSigTrap, 4, "hardware watchpoint (TRAP_HWBKPT)"},
    Code{kSigTrap, 6, "performance counter (TRAP_PERF)"},
    Code{kSigChld, 1, "a child exited (CLD_EXITED)"},
    Code{kSigChld, 2, "a child was killed (CLD_KILLED)"},
    Code{kSigChld, 3, "a child dumped core (CLD_DUMPED)"},
    Code{kSigChld, 4, "a traced child trapped (CLD_TRAPPED)"},
    Code{kSigChld, 5, "a child stopped (CLD_STOPPED)"},
    Code{kSigChld, 6, "a stopped child goes on (CLD_CONTINUED)"},
    Code{kSigSys, 1, "system call refused by a seccomp filter (SYS_SECCOMP)"},
    Code{0, 0x80, "raised by the kernel (SI_KERNEL)"},
    Code{0, 0, "sent by kill (SI_USER)"},
    Code{0, -1, "sent by sigqueue (SI_QUEUE)"},
    Code{0, -2, "timer expired (SI_TIMER)"},
    Code{0, -3, "message queue (SI_MESGQ)"},
    Code{0, -4, "asynchronous I/O (SI_ASYNCIO)"},
    Code{0, -5, "queued SIGIO (SI_SIGIO)"},
    Code{0, -6, "sent by raise or tgkill (SI_TKILL)"},
};

}  // namespace

std::string code_words(int signal, int code) {
  for (const Code& known : kCodes)
    if ((known.signal == 0 || known.signal == signal) && known.code == code) return known.words;
  return {};
}

bool is_sent(int code) { return code <= 0; }

bool is_synchronous(int signal) {
  return signal == kSigSegv || signal == kSigBus || signal == kSigFpe || signal == kSigIll || signal == kSigTrap;
}

}  // namespace inquest::crash
