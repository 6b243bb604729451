#include "plugin/live_process.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace inquest::plugin {
namespace {

constexpr size_t kMaxThreads = 100'000;

// In the order of Registers::gpr.
constexpr std::array<const char*, Registers::kCount> kNames = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi",
                                                               "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                                               "r12", "r13", "r14", "r15", "rip"};

Registers registers_of(lldb::SBFrame& frame) {
  Registers registers;
  auto value = [&frame](const char* name) { return frame.FindRegister(name).GetValueAsUnsigned(); };
  for (size_t i = 0; i < kNames.size(); ++i) registers.gpr[i] = value(kNames[i]);
  registers.rflags = value("rflags");
  registers.fs_base = value("fs_base");
  registers.gs_base = value("gs_base");
  return registers;
}

std::optional<VectorRegisters> vectors_of(lldb::SBFrame& frame) {
  VectorRegisters vectors;
  for (size_t i = 0; i < vectors.xmm.size(); ++i) {
    lldb::SBData data = frame.FindRegister(fmt::format("xmm{}", i).c_str()).GetData();
    lldb::SBError error;
    if (data.ReadRawData(error, 0, vectors.xmm[i].data(), vectors.xmm[i].size()) != vectors.xmm[i].size())
      return std::nullopt;
  }
  return vectors;
}

std::string name_of(lldb::SBThread& thread) {
  const char* name = thread.GetName();
  return name != nullptr ? name : "";
}

/// What siginfo(7) says of the thread's last signal, as far as it is about this signal: LLDB's own steps through the
/// process, for its expressions, leave a SIGTRAP of theirs there.
class SignalInfo {
 public:
  explicit SignalInfo(lldb::SBThread& thread) : info_(thread.GetSiginfo()) {}

  bool is_of(int signal) { return number("si_signo") == signal; }
  int code() { return static_cast<int>(number("si_code").value_or(0)); }
  bool is_sent() { return code() == SI_USER || code() == SI_QUEUE || code() == SI_TKILL; }
  std::optional<int64_t> number(const char* field) {
    lldb::SBValue value = info_.GetValueForExpressionPath(fmt::format(".{}", field).c_str());
    lldb::SBError error;
    int64_t result = value.GetValueAsSigned(error);
    return value.IsValid() && error.Success() ? std::optional(result) : std::nullopt;
  }

 private:
  lldb::SBValue info_;
};

std::string description_of(lldb::SBThread& thread) {
  char buffer[512] = {};
  thread.GetStopDescription(buffer, sizeof buffer - 1);
  return buffer;
}

/// "signal SIGSEGV: address not mapped to object (fault address: 0x10)".
std::optional<Address> described_fault(lldb::SBThread& thread) {
  constexpr std::string_view kWords = "fault address";
  std::string text = description_of(thread);
  size_t at = text.find(kWords);
  size_t digits = at == std::string::npos ? at : text.find("0x", at + kWords.size());
  if (digits == std::string::npos) return std::nullopt;
  return Address(std::strtoull(text.c_str() + digits, nullptr, 16));
}

/// A general protection fault (SI_KERNEL) tells no address.
bool has_fault_address(int signal, int code) {
  if (code <= 0 || code == SI_KERNEL) return false;
  return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE || signal == SIGTRAP;
}

/// The signal that has stopped the thread; 0 for breakpoints, steps and the like.
int signal_of(lldb::SBThread& thread) {
  lldb::StopReason reason = thread.GetStopReason();
  if (reason == lldb::eStopReasonSignal && thread.GetStopReasonDataCount() > 0)
    return static_cast<int>(thread.GetStopReasonDataAtIndex(0));
  if (reason != lldb::eStopReasonTrace) return 0;
  // LLDB takes a SIGTRAP that somebody has sent for a step of its own.
  SignalInfo info(thread);
  return info.is_of(SIGTRAP) && info.is_sent() ? SIGTRAP : 0;
}

void take_signal(live::StoppedProcess& stopped, lldb::SBThread& thread) {
  stopped.signal = signal_of(thread);
  if (stopped.signal == 0) return;
  SignalInfo info(thread);
  if (!info.is_of(stopped.signal)) {
    stopped.fault_address = described_fault(thread);
    return;
  }
  stopped.has_signal_info = true;
  stopped.signal_code = info.code();
  if (info.is_sent()) {
    if (auto pid = info.number("_sifields._kill.si_pid")) stopped.sender_pid = static_cast<uint32_t>(*pid);
    if (auto uid = info.number("_sifields._kill.si_uid")) stopped.sender_uid = static_cast<uint32_t>(*uid);
  } else if (has_fault_address(stopped.signal, stopped.signal_code)) {
    if (auto fault = info.number("_sifields._sigfault.si_addr")) stopped.fault_address = Address(*fault);
  }
}

/// How surely a thread is the one that stopped the process.
int rank_of(lldb::SBThread& thread, lldb::tid_t selected) {
  switch (thread.GetStopReason()) {
    case lldb::eStopReasonSignal:
    case lldb::eStopReasonException: return 3;
    case lldb::eStopReasonNone:
    case lldb::eStopReasonInvalid: return thread.GetThreadID() == selected ? 1 : 0;
    default: return 2;
  }
}

std::optional<Error> check_state(lldb::SBProcess& process) {
  switch (process.GetState()) {
    case lldb::eStateStopped:
    case lldb::eStateCrashed:
    case lldb::eStateSuspended: return std::nullopt;
    case lldb::eStateRunning:
    case lldb::eStateStepping:
    case lldb::eStateAttaching:
    case lldb::eStateLaunching:
      return unusable(
          fmt::format("process {} is running, and only a stopped one can be looked at", process.GetProcessID()),
          "stop it: process interrupt");
    default: return unusable("the process has ended", "start it again, or open a core: target create --core CORE");
  }
}

/// LLDB may hold a process of another machine or of another kind of machine; then its number says nothing here.
std::optional<Error> check_place(lldb::SBTarget& target, lldb::SBProcess& process) {
  const char* triple = target.GetTriple();
  std::string_view machine = triple != nullptr ? triple : "";
  if (!machine.starts_with("x86_64")) {
    return unusable(fmt::format("a process of {} cannot be read: x86-64 only", machine.substr(0, machine.find('-'))));
  }
  uint64_t pid = process.GetProcessID();
  auto random = live::random_bytes_of(pid);
  AtRandom said{};
  lldb::SBError error;
  bool is_same = random &&
                 process.ReadMemory(random->address.value(), said.data(), said.size(), error) == said.size() &&
                 said == random->bytes;
  if (is_same) return std::nullopt;
  return unusable(fmt::format("process {} is not one of this machine, or LLDB's user may not read its memory", pid),
                  "remote processes are not supported: save a core where it runs, then: target create --core CORE");
}

}  // namespace

Result<live::StoppedProcess> stopped_process(lldb::SBTarget target, lldb::SBProcess process) {
  if (auto error = check_state(process)) return *error;
  if (auto error = check_place(target, process)) return *error;
  live::StoppedProcess stopped{.pid = process.GetProcessID(), .threads = {}, .fault_address = {}};
  lldb::tid_t selected = process.GetSelectedThread().GetThreadID();
  std::vector<lldb::SBThread> threads;
  for (size_t i = 0; i < std::min<size_t>(process.GetNumThreads(), kMaxThreads); ++i)
    threads.push_back(process.GetThreadAtIndex(i));
  auto cause = std::ranges::max_element(threads, {}, [&](lldb::SBThread& one) { return rank_of(one, selected); });
  if (cause != threads.end()) std::rotate(threads.begin(), cause, cause + 1);
  for (lldb::SBThread& one : threads) {
    lldb::SBFrame frame = one.GetFrameAtIndex(0);
    Thread thread;
    thread.tid = one.GetThreadID();
    thread.name = name_of(one);
    thread.signal = signal_of(one);
    thread.registers = registers_of(frame);
    thread.vectors = vectors_of(frame);
    stopped.threads.push_back(std::move(thread));
  }
  if (!threads.empty()) take_signal(stopped, threads.front());
  return stopped;
}

bool same_threads(std::span<const Thread> before, std::span<const Thread> now) {
  return std::ranges::equal(before, now, [](const Thread& a, const Thread& b) {
    return a.tid == b.tid && a.signal == b.signal && a.registers.gpr == b.registers.gpr &&
           a.registers.rflags == b.registers.rflags && a.registers.fs_base == b.registers.fs_base;
  });
}

void hide_breakpoints(lldb::SBTarget target, lldb::SBProcess process, live::StoppedMemory& memory,
                      std::set<Address>& known) {
  constexpr uint64_t kPage = live::StoppedMemory::kPage;
  constexpr uint32_t kMostLocations = 10'000;
  std::vector<Address> pages = memory.patched_code();
  // In code that lies in no file nothing but LLDB tells them.
  for (uint32_t i = 0; i < target.GetNumBreakpoints(); ++i) {
    lldb::SBBreakpoint breakpoint = target.GetBreakpointAtIndex(i);
    for (uint32_t j = 0; j < std::min<uint32_t>(kMostLocations, breakpoint.GetNumLocations()); ++j) {
      lldb::addr_t address = breakpoint.GetLocationAtIndex(j).GetLoadAddress();
      if (address != LLDB_INVALID_ADDRESS) pages.emplace_back(address / kPage * kPage);
    }
  }
  std::vector<std::byte> bytes(kPage);
  for (Address page : pages) {
    if (!known.insert(page).second) continue;
    lldb::SBError error;
    if (process.ReadMemory(page.value(), bytes.data(), bytes.size(), error) == bytes.size())
      memory.replace(page, bytes);
  }
}

}  // namespace inquest::plugin
