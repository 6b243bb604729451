#include "commands/merged_stack.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace inquest::commands {
namespace {

void append_async_tail(uint64_t tid, v8::Runtime& runtime, std::vector<MergedFrame>& merged) {
  auto is_js = [](const MergedFrame& frame) { return frame.is_v8() && frame.v8.kind == v8::V8FrameKind::kJs; };
  auto last = std::ranges::find_if(merged.rbegin(), merged.rend(), is_js);
  if (last == merged.rend()) return;
  for (const v8::IsolateInfo& isolate : runtime.info().isolates) {
    if (std::ranges::find(isolate.threads, tid) == isolate.threads.end()) continue;
    std::vector<MergedFrame> tail;
    for (v8::AsyncFrame& frame : runtime.running_async_tail(isolate.index)) tail.push_back({.async = std::move(frame)});
    merged.insert(last.base(), std::make_move_iterator(tail.begin()), std::make_move_iterator(tail.end()));
    return;
  }
}

std::vector<MergedFrame> merge(const NativeStack& stack, v8::Runtime& runtime) {
  std::vector<MergedFrame> merged;
  const FrameStepper& stepper = runtime.frame_stepper();
  size_t done = stack.stack.frames.size();  // the physical frame described last
  for (const NativeFrame& frame : stack.frames) {
    const Frame& physical = stack.physical(frame);
    if (!stepper.owns(physical)) {
      merged.push_back({.native = &frame, .physical = &physical});
      continue;
    }
    if (std::exchange(done, frame.physical) == frame.physical) continue;
    for (v8::V8Frame& v8 : runtime.describe_frame(physical)) {
      merged.push_back({.physical = &physical, .v8 = std::move(v8)});
    }
  }
  append_async_tail(stack.thread->tid, runtime, merged);
  return merged;
}

}  // namespace

std::string_view kind_word(const v8::V8Frame& frame) {
  switch (frame.kind) {
    case v8::V8FrameKind::kJs: return "js";
    case v8::V8FrameKind::kEntry: return "entry";
    case v8::V8FrameKind::kExit: return "exit";
    case v8::V8FrameKind::kBuiltin:
    case v8::V8FrameKind::kInternal:
    case v8::V8FrameKind::kWasm:
    case v8::V8FrameKind::kRegExp: return "builtin";
  }
  return "builtin";
}

std::vector<MergedStack> merged_stacks(v8::Runtime& runtime, std::vector<NativeStack> natives) {
  std::vector<MergedStack> stacks(natives.size());
  for (size_t i = 0; i < natives.size(); ++i) {
    stacks[i].native = std::move(natives[i]);
    stacks[i].frames = merge(stacks[i].native, runtime);
  }
  return stacks;
}

}  // namespace inquest::commands
