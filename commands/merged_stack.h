// One stack of native and JavaScript frames, as `v8 bt` numbers them.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "commands/native_stack.h"
#include "v8/runtime.h"

namespace inquest::commands {

/// A native function, one of V8's, or one that goes on once a promise is settled.
struct MergedFrame {
  const NativeFrame* native = nullptr;  ///< of MergedStack::native; none for the others
  const Frame* physical = nullptr;      ///< of MergedStack::native; none for `async`
  v8::V8Frame v8 = {};
  std::optional<v8::AsyncFrame> async = {};

  bool is_v8() const { return native == nullptr && !async; }
};

/// What the JSON contract calls it: js, builtin, entry, exit.
std::string_view kind_word(const v8::V8Frame& frame);

struct MergedStack {
  NativeStack native;
  std::vector<MergedFrame> frames;  ///< innermost first; the index is the number that `v8 bt` prints
};

/// `natives` must have been unwound with the frame stepper of `runtime`. What waits for the function that a thread was
/// running stands below its last JavaScript frame, where Error.stack has it.
std::vector<MergedStack> merged_stacks(v8::Runtime& runtime, std::vector<NativeStack> natives);

}  // namespace inquest::commands
