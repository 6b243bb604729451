#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "commands/session.h"
#include "commands/why_report.h"

namespace inquest::commands {
namespace {

constexpr size_t kLooked = 200;  // frames, as for native functions (postmortem/crash/memory_fault.cc)
constexpr int kOften = 10;

using Counts = std::vector<std::pair<std::string, int>>;

/// The functions of JavaScript in the first frames from the explained one on, with where they are running.
Counts count_scripts(v8::Runtime& runtime, const Stack& stack, size_t first) {
  Counts counts;
  size_t end = std::min(stack.frames.size(), first + kLooked);
  for (size_t i = first; i < end; ++i) {
    if (!runtime.frame_stepper().owns(stack.frames[i])) continue;
    for (const v8::V8Frame& frame : runtime.describe_frame(stack.frames[i])) {
      if (frame.kind != v8::V8FrameKind::kJs || frame.line == 0) continue;
      std::string name = fmt::format("{} ({}:{}:{})", frame.function.empty() ? "<anonymous>" : frame.function,
                                     frame.script, frame.line, frame.column);
      auto known = std::ranges::find(counts, name, &Counts::value_type::first);
      if (known == counts.end()) known = counts.insert(counts.end(), {std::move(name), 0});
      ++known->second;
    }
  }
  return counts;
}

}  // namespace

void name_repeated_scripts(Session& session, WhyFindings& findings) {
  crash::Explanation& explanation = findings.explanation;
  if (explanation.repeated.empty()) return;
  auto runtime = session.v8();
  if (!runtime) return;  // no Node.js, or one that cannot be read
  const FrameStepper& stepper = (*runtime)->frame_stepper();
  size_t first = explanation.frame;
  Stack stack = session.unwinder().unwind(*findings.thread, {.max_frames = first + kLooked, .stepper = &stepper});
  Counts counts = count_scripts(**runtime, stack, first);
  auto most = std::ranges::max_element(counts, {}, &Counts::value_type::second);
  if (most == counts.end() || most->second <= kOften) return;
  std::string cycle;
  for (const auto& [name, count] : counts) {
    if (count * 3 >= most->second) cycle += (cycle.empty() ? "" : ", ") + name;
  }
  size_t at = explanation.detail.find(explanation.repeated);
  if (at != std::string::npos) explanation.detail.replace(at, explanation.repeated.size(), cycle);
  explanation.repeated = std::move(cycle);
}

}  // namespace inquest::commands
