// Samples added up by stack: equal stacks are one row from the start, so that a run of hours takes as much memory as
// the program has different stacks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "commands/flame_graph.h"
#include "commands/json_writer.h"
#include "commands/native_stack.h"
#include "commands/output.h"
#include "postmortem/model/probe_event.h"

namespace inquest::commands {

class StackProfile {
 public:
  /// Adds a sample. `source` names the functions of its kernel stack.
  void add(const ProbeEvent& event, const NativeStack& stack, const ProbeEventSource& source);

  /// The rows by weight, the largest first; of more than `limit` only so many. Weights are divided by `divisor`.
  struct Shape {
    size_t limit = 0;  ///< 0: all
    uint64_t divisor = 1;
  };

  /// As sample-bt of openresty-systemtap-toolkit: " 0xADDRESS : FUNCTION+0xOFFSET/0xSIZE [MODULE]", innermost first,
  /// then a tab and the weight. Functions as the linker knows them; inlined ones are for `resolve-inlines`.
  void write_bt(Output& output, const Shape& shape) const;
  /// "thread;outermost;..;innermost WEIGHT", inlined functions and functions of the kernel ("do_syscall_64_[k]")
  /// included.
  void write_folded(Output& output, const Shape& shape) const;
  /// "rows": [{weight, count, thread, frames}], "total".
  void write_json(JsonWriter& json, const Shape& shape) const;
  FlameGraph graph() const;

  uint64_t samples() const { return samples_; }
  uint64_t weight() const { return weight_; }
  size_t stacks() const { return rows_.size(); }
  /// Samples of further stacks than are kept.
  uint64_t beyond() const { return beyond_; }

 private:
  /// One function at one address, written down when it is first seen: its process may be gone at the end.
  struct FrameText {
    std::string json;    ///< members of its object, in braces
    std::string folded;  ///< its name
    std::string bt;      ///< its line; empty for inlined functions
    FlameFrame::Kind kind = FlameFrame::Kind::kNative;
  };
  struct Row {
    std::vector<uint32_t> frames;  ///< numbers in `frames_`, innermost first
    uint32_t thread = 0;           ///< number in `threads_`
    uint64_t count = 0, weight = 0;
  };
  /// What tells frames apart.
  struct FrameKey {
    uint64_t pc = 0;
    std::string function, module;
    uint32_t line = 0;
    uint8_t flags = 0;
    bool operator==(const FrameKey&) const = default;
  };
  struct KeyHash {
    size_t operator()(const FrameKey& key) const;
  };

  uint32_t number_of(const NativeStack& stack, size_t index);
  uint32_t kernel_number_of(Address pc, const ProbeEventSource& source);
  static FrameText text_of(const NativeStack& stack, const NativeFrame& frame, bool is_inlined);
  std::vector<const Row*> sorted(const Shape& shape) const;
  static uint64_t divided(uint64_t weight, const Shape& shape) { return (weight + shape.divisor / 2) / shape.divisor; }

  std::unordered_map<FrameKey, uint32_t, KeyHash> numbers_;
  std::unordered_map<uint64_t, uint32_t> kernel_numbers_;
  std::vector<FrameText> frames_;
  std::unordered_map<std::string, uint32_t> thread_numbers_;
  std::vector<std::string> threads_;
  std::unordered_map<std::string, size_t> known_;  ///< number of the row by its frames and thread as bytes
  std::vector<Row> rows_;
  uint64_t samples_ = 0, weight_ = 0, beyond_ = 0;
  size_t kept_ = 0;  ///< frames of all rows together
};

}  // namespace inquest::commands
