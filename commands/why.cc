#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "commands/args.h"
#include "commands/event_pairing.h"
#include "commands/event_stacks.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"
#include "commands/why_report.h"
#include "postmortem/crash/explain.h"

namespace inquest::commands {
namespace {

// Enough to see that a stack overflowed by recursion, and a limit for the time it takes.
constexpr size_t kMaxFrames = 50'000;
constexpr size_t kEventsShown = 3;  // the rest is what `events` is for

class Why : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args&) const override {
    const Thread* thread = session.selected_thread();
    if (!thread)
      return unusable("the core names no thread, so there are no registers to explain",
                      "a core that is cut off near its start cannot tell");
    WhyFindings findings;
    findings.thread = thread;
    findings.stack = session.unwinder().unwind(*thread, {.max_frames = kMaxFrames});
    if (findings.stack.frames.empty())
      return incomplete("the thread has no frame to explain", "its registers are not in the core");
    findings.explanation = crash::explain(session.target(), session.debug_info(), *thread, findings.stack);
    name_frames(session, findings);
    name_scripts(session, findings);
    add_events(session, findings);
    Report report;
    report.incomplete = findings.explanation.incomplete;
    if (report.incomplete) report.warn("part of the explanation is missing: " + findings.explanation.detail + ".");
    report.body = make_why_body(session.target(), std::move(findings));
    return report;
  }

 private:
  /// What a tracer saw of this process, when its file lies beside the core.
  static void add_events(const Session& session, WhyFindings& findings) {
    auto beside = find_event_file(session);
    if (!beside) return;
    PairedEvents& paired = beside->events;
    std::erase_if(paired.events, [](const ProbeEvent& event) { return event.kind == ProbeEvent::Kind::kSignal; });
    size_t first = paired.events.size() - std::min(paired.events.size(), kEventsShown);
    EventStacks stacks(session);
    for (size_t i = first; i < paired.events.size(); ++i)
      findings.events.push_back(event_sentence(paired.events[i], stacks.of(paired.events[i]), paired));
    findings.more_events = first;
    findings.event_file = beside->path;
  }
};

}  // namespace

std::unique_ptr<const Command> make_why() {
  return std::make_unique<Why>(CommandSpec{
      .name = {"why"},
      .summary = "why the process died: bad address, instruction, origin of the value",
      .description =
          "The first line names the cause, the second where the bad value came from: the register or operand, and the "
          "global variable, field, argument or return value it was loaded from, followed back into callers. Then the "
          "instruction, its neighbours, source lines, registers, the first frames and the mappings around the address. "
          "For an abort: the message of assert, malloc or the stack protector, the C++ exception with its what(). A "
          "fault that a signal handler turned into an abort is explained itself. Where JavaScript was running, its "
          "innermost calls; `v8 bt` has them all, with arguments.\n\n"
          "\"Probably\" stands where a path through the code, or memory that may have changed since, leaves room for "
          "another answer.\n\n"
          "Where an event file of `inquest trace` lies beside the core (NAME.events) and has events of this very "
          "process, "
          "the last of them are told.\n\n"
          "JSON: cause, detail, kind (null, unmapped, guard, stack-overflow, read-only, not-executable, null-call, "
          "bad-jump, non-canonical, misaligned, beyond-file, division-by-zero, division-overflow, trap, assertion, "
          "exception, abort, signal, none, ...), signal {number, name, code, code_words, sender_pid, sender_uid}, "
          "fault "
          "{address, place, access, size}, instruction {address, text}, code [], operand {text, register, value, "
          "effective_address}, origin [{function, text, address, instruction, value}], exception {type, what}, "
          "abort_message, remarks [], registers {}, thread {}, frames [], javascript [{function, file, line, column}], "
          "sources [], mappings [], traced {file, "
          "events [], more_events}.",
      .examples = {{"why", "explain this core"}},
  });
}

}  // namespace inquest::commands
