#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/original_positions.h"
#include "commands/session.h"
#include "commands/why_report.h"

namespace inquest::commands {
namespace {

constexpr size_t kLooked = 200;  // frames, as for native functions (postmortem/crash/memory_fault.cc)
constexpr int kOften = 10;
constexpr size_t kShown = 8;

/// Whether V8 may have been running there: by the names of the functions, or because code has no name.
bool may_be_of_v8(const NativeStack& named) {
  return std::ranges::any_of(named.frames, [&](const NativeFrame& frame) {
    std::string_view function = function_name(named, frame);
    constexpr std::string_view kBegins[] = {"Builtins_", "v8::", "node::"};
    return function.empty() ||
           std::ranges::any_of(kBegins, [&](std::string_view begin) { return function.starts_with(begin); });
  });
}

/// The calls of JavaScript in the first frames from the explained one on, the innermost first.
std::vector<ScriptCall> script_calls(v8::Runtime& runtime, const Stack& stack, size_t first) {
  std::vector<ScriptCall> calls;
  OriginalPositions originals(runtime, "");
  size_t end = std::min(stack.frames.size(), first + kLooked);
  for (size_t i = first; i < end; ++i) {
    if (!runtime.frame_stepper().owns(stack.frames[i])) continue;
    for (const v8::V8Frame& frame : runtime.describe_frame(stack.frames[i])) {
      if (frame.kind != v8::V8FrameKind::kJs || frame.line == 0) continue;
      ScriptCall call{frame.function, frame.script, frame.line, frame.column, {}};
      if (calls.size() < kShown)
        call.original = originals.text(frame.script_word, frame.script, frame.line, frame.column);
      calls.push_back(std::move(call));
    }
  }
  return calls;
}

/// Where a stack has overflown by JavaScript that calls itself native frames know only V8's interpreter by name.
void name_repeated(const std::vector<ScriptCall>& calls, crash::Explanation& explanation) {
  std::vector<std::pair<std::string, int>> counts;
  for (const ScriptCall& call : calls) {
    auto known = std::ranges::find(counts, call.text(), &std::pair<std::string, int>::first);
    if (known == counts.end()) known = counts.insert(counts.end(), {call.text(), 0});
    ++known->second;
  }
  auto most = std::ranges::max_element(counts, {}, &std::pair<std::string, int>::second);
  if (most == counts.end() || most->second <= kOften) return;
  std::string cycle;
  for (const auto& [name, count] : counts) {
    if (count * 3 >= most->second) cycle += (cycle.empty() ? "" : ", ") + name;
  }
  size_t at = explanation.detail.find(explanation.repeated);
  if (at != std::string::npos) explanation.detail.replace(at, explanation.repeated.size(), cycle);
  explanation.repeated = std::move(cycle);
}

}  // namespace

std::string ScriptCall::text() const {
  return fmt::format("{} ({}:{}:{})", function.empty() ? "<anonymous>" : function, file, line, column);
}

void name_scripts(Session& session, WhyFindings& findings) {
  crash::Explanation& explanation = findings.explanation;
  if (explanation.repeated.empty() && !may_be_of_v8(findings.named)) return;
  auto runtime = session.v8();
  if (!runtime) return;  // no Node.js, or one that cannot be read
  const FrameStepper& stepper = (*runtime)->frame_stepper();
  size_t first = explanation.frame;
  Stack stack = session.unwinder().unwind(*findings.thread, {.max_frames = first + kLooked, .stepper = &stepper});
  std::vector<ScriptCall> calls = script_calls(**runtime, stack, first);
  if (!explanation.repeated.empty()) name_repeated(calls, explanation);
  findings.more_scripts = calls.size() - std::min(calls.size(), kShown);
  calls.resize(calls.size() - findings.more_scripts);
  findings.scripts = std::move(calls);
}

}  // namespace inquest::commands
