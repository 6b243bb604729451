// What a tracer saw: a call, a return or a signal in a process that ran, or a sample of it, with its registers and a
// copy of its stack.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/model/frame.h"
#include "postmortem/model/result.h"
#include "postmortem/model/target.h"

namespace inquest {

struct ProbeArgument {
  std::string name;   ///< "termp"; "arg0" where neither the specification nor debug information names it
  std::string value;  ///< as `bt` prints it: 0x0, 42, "text"
  std::string type = {};
  uint64_t bits = 0;  ///< the register it came in
};

struct ProbeEvent;

/// A function that code made by V8 runs, as the heap called it soon after the event.
struct ScriptFunction {
  std::string kind;      ///< of the JSON contract: js, builtin, entry, exit
  std::string function;  ///< as Error.stack writes it; "" for anonymous ones
  std::string file;      ///< the script, as Error.stack writes it
  uint32_t line = 0;     ///< from 1; 0: unknown
  uint32_t column = 0;   ///< from 1
  bool inlined = false;
  uint64_t address = 0;  ///< tagged JSFunction; 0: not known, or no function of JavaScript
  std::string tier;      ///< ignition, sparkplug, maglev, turbofan
  std::string remark;    ///< what is not as it should be; a phrase
};

/// A frame that V8's code has on the stack of an event.
struct ScriptFrame {
  Address pc;
  uint64_t fp = 0;                        ///< rbp in the frame
  FrameRegisters caller;                  ///< what its caller's registers held
  std::vector<ScriptFunction> functions;  ///< innermost first
};

/// Why an event has names of JavaScript functions, or none.
enum class ScriptState : uint8_t {
  kNone,     ///< not asked for
  kNamed,    ///< ProbeEvent::script_frames has all of them
  kEnded,    ///< the process had ended before its heap could be read
  kUnknown,  ///< its V8 could not be read
  kSkipped,  ///< there were too many events in too short a time
  kNothing,  ///< nothing of V8 is on its stack
};

/// A process at the moment of one of its events: registers and stack of the event's thread, files for the rest.
class EventTarget : public Target {
 public:
  /// Must be called before anything else is asked; what was asked before about an earlier event is void then. `event`
  /// must be one of this target's process and outlive its being shown.
  virtual void show(const ProbeEvent& event) = 0;
  /// The process as it is now, some time after the event, with the event's stack and registers: what its heap holds may
  /// have changed. Null when it has ended, or is none that is being traced. Valid until the next event is shown; always
  /// the same object. Its memory is read on demand (model/lazy_memory.h).
  virtual const Target* running() { return nullptr; }
};

/// What was mapped in a process while one or more of its events happened. Shared by those.
class ProcessSnapshot {
 public:
  virtual ~ProcessSnapshot() = default;
  virtual Result<std::unique_ptr<EventTarget>> open() const = 0;
  /// Whether the process runs code that was made while it ran and its heap may be readable (EventTarget::running).
  virtual bool may_run_scripts() const { return false; }
};

/// A return address that a tracer's return probe had replaced on the stack.
struct ReplacedReturn {
  Address slot;
  uint64_t address = 0;
};

struct ProbeEvent {
  enum class Kind : uint8_t { kCall, kReturn, kSignal, kSample };

  Kind kind = Kind::kCall;
  uint64_t time = 0;      ///< nanoseconds since boot, suspended time included
  int64_t wall_time = 0;  ///< nanoseconds since 1970
  /// The same moment, or one a little earlier, on CLOCK_MONOTONIC, which programs measure time by. Events of earlier
  /// tracers lack it.
  std::optional<uint64_t> monotonic;
  std::string probe;     ///< the specification as given, without predicate: "libtinfo.so.6:set_curterm"
  std::string function;  ///< "set_curterm"; of a signal its name
  uint64_t pid = 0;
  uint64_t tid = 0;
  std::string comm;  ///< name of the thread
  std::vector<ProbeArgument> arguments;
  std::optional<uint64_t> returned;  ///< rax, of a return
  std::optional<AtRandom> at_random;

  int signal = 0;
  int signal_code = 0;
  bool is_fatal = false;  ///< a signal that nothing handled
  std::optional<Address> fault_address;

  Thread thread;
  bool wants_stack = true;
  Address stack_start;
  std::vector<std::byte> stack;  ///< from `stack_start` on
  bool stack_is_whole = false;   ///< `stack` reaches the stack's top, and so does `other_stack`
  /// What a handler that runs on a stack of its own (sigaltstack(2)) has interrupted; mostly empty.
  Address other_start;
  std::vector<std::byte> other_stack;
  std::vector<ReplacedReturn> replaced;
  uint64_t weight = 1;          ///< of a sample: 1, bytes or nanoseconds
  std::vector<Address> kernel;  ///< of a sample: program counters in the kernel, innermost first
  ScriptState scripts = ScriptState::kNone;
  std::vector<ScriptFrame> script_frames;          ///< where the tracer has named them
  std::shared_ptr<const ProcessSnapshot> process;  ///< null when nothing is known about it
};

struct TraceStatistics {
  uint64_t recorded = 0;
  uint64_t dropped = 0;  ///< events that found no room in the buffer
};

/// A function of the kernel, as /proc/kallsyms tells.
struct KernelFunction {
  std::string name;  ///< empty: not known
  std::string module = "kernel";
  uint64_t offset = 0;  ///< of the address in it
  uint64_t size = 0;    ///< up to the next one
};

/// Events in the order of time, from a tracer or from a file.
class ProbeEventSource {
 public:
  virtual ~ProbeEventSource() = default;
  /// Waits for the next one; nothing when there will be none any more.
  virtual Result<std::optional<ProbeEvent>> next() = 0;
  virtual TraceStatistics statistics() const = 0;
  /// What could not be seen: whole sentences. `is_incomplete` when part of the answer is missing for it.
  virtual std::vector<std::string> notes() const = 0;
  /// Nothing more is wanted: `next` gives nothing soon, also to a thread that waits in it.
  virtual void stop() {}
  /// What is worth knowing though nothing is missing for it.
  virtual std::vector<std::string> remarks() const { return {}; }
  virtual KernelFunction kernel_function(Address /*pc*/) const { return {}; }
};

/// What a specification would trace.
struct ProbeCheck {
  std::string file;      ///< that its places are in; empty for signals
  std::string build_id;  ///< of that file, lower-case hex; empty when it has none
  size_t places = 0;
  std::string problem;               ///< why there is no place
  bool has_named_arguments = false;  ///< debug information, or the specification, tells the arguments
};

/// A place that can be traced.
struct ProbePlace {
  std::string probe;   ///< as a specification names it: "libtinfo.so.6:set_curterm"
  std::string detail;  ///< what is known about it: "function, 53 bytes", "USDT libstdcxx:throw"
};

}  // namespace inquest
