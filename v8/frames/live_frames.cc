// Frames of a process that goes on running. Stack and registers are those of a moment that is over, the heap is that of
// now: in between a collector may have moved the function, and put another one in its place. What the code itself says,
// which is seldom moved, decides.
#include <utility>

#include "postmortem/model/lazy_memory.h"
#include "v8/frames/frame_reader.h"

namespace inquest::v8 {

/// What was remembered of the heap may have changed since.
void FrameReader::forget_past() const {
  constexpr size_t kMostFunctions = 1 << 16;
  uint64_t now = heap_.pages().generation();
  if (std::exchange(generation_, now) == now) return;
  maps_.clear();
  names_.clear();
  if (shared_of_bytecodes_.size() > kMostFunctions) shared_of_bytecodes_.clear();
}

/// New objects are moved by every scavenge, which leaves the new address in the old place until the next one: a little
/// later they are found, later something else may lie there.
bool FrameReader::may_have_moved(uint64_t word) const {
  constexpr uint64_t kRecent = 5'000'000;  // nanoseconds; two scavenges are further apart
  if (!is_heap_object(word)) return false;
  const Page* page = heap_.pages().page_of(word - 1);
  if (page == nullptr) return true;
  if (page->space != Space::kNew && page->space != Space::kNewLarge) return false;
  const LazyMemory* lazy = lazy_memory(heap_.target().memory());
  bool is_left_behind = page->from_space && objects_.resolved(word) == word;
  return is_left_behind || lazy == nullptr || lazy->age() > kRecent;
}

/// Takes away a receiver that is not to be relied on any more; `moved`: nothing of the frame is.
void FrameReader::check_receiver(V8Frame& frame, bool moved) const {
  if (!heap_.is_live() || !frame.receiver || frame.receiver->kind != FrameValue::Kind::kTagged) return;
  if (!moved && !may_have_moved(frame.receiver->word)) return;
  frame.receiver.reset();
  if (frame.remark.empty()) frame.remark = "its receiver may have been moved";
}

/// Functions of frames that are no JavaScript.
V8Frame FrameReader::checked(V8Frame frame, const std::string& builtin) const {
  if (!heap_.is_live() || frame.function_word == 0 || !may_have_moved(frame.function_word)) return frame;
  frame.function_word = 0;
  frame.function = builtin;
  return frame;
}

/// The BytecodeArray that an interpreted or baseline frame runs; 0 for others.
uint64_t FrameReader::bytecodes_in(const Frame& frame, const std::optional<CompiledCode>& code) const {
  Address fp = frame.registers.values.fp();
  if (code) return baseline_bytecodes(code->code, fp);
  uint64_t word = objects_.resolved(slot(fp, offsets_.bytecode_array));
  const MapInfo* map = objects_.map_of(word);
  return map != nullptr && map->rule == SizeRule::kBytecodeArray ? word : 0;
}

/// The SharedFunctionInfo (tagged) that the code of a frame belongs to; 0 when it does not tell.
uint64_t FrameReader::shared_by_code(const Frame& frame, const std::optional<CompiledCode>& code) const {
  auto is_shared = [&](uint64_t word) {
    const MapInfo* map = objects_.map_of(word);
    return map != nullptr && map->type == heap_.types().shared_function_info;
  };
  Address fp = frame.registers.values.fp();
  if (uint64_t bytecodes = bytecodes_in(frame, code)) {
    auto fits = [&](uint64_t shared) { return is_shared(shared) && scripts_.bytecodes_of(shared) == bytecodes; };
    auto known = shared_of_bytecodes_.find(bytecodes);
    if (known != shared_of_bytecodes_.end() && fits(known->second)) return known->second;
    // The FeedbackVector lies in the frame of baseline code, from 12.x on in that of interpreted code too.
    for (int64_t offset : {-40, -48}) {
      uint64_t vector = slot(fp, offset);
      for (uint64_t at = 8; at <= 40 && objects_.map_of(vector) != nullptr; at += 8) {
        if (uint64_t shared = objects_.field(vector, at); fits(shared)) return shared;
      }
    }
    return 0;
  }
  if (!code) return 0;
  // DeoptimizationData has it in front of the inlining positions, from 12.x on in a wrapper.
  uint64_t data = objects_.field(code->code, offsets_.deopt_data);
  uint64_t word = objects_.field(data, 16 + 8ull * (offsets_.inlining - 1u));
  if (is_shared(word)) return word;
  word = objects_.field(word, 8);
  return is_shared(word) ? word : 0;
}

/// Whether the function that the frame names is (still) one that runs this code.
bool FrameReader::still_fits(const CallSite& site, const Frame& frame, const std::optional<CompiledCode>& code) const {
  if (!objects_.is_function(site.function)) return false;
  uint64_t shared = objects_.field(site.function, heap_.layout().js_function_shared);
  if (uint64_t bytecodes = bytecodes_in(frame, code)) {
    if (scripts_.bytecodes_of(shared) != bytecodes) return false;
    shared_of_bytecodes_[bytecodes] = shared;
    return true;
  }
  if (code) {
    uint64_t own = shared_by_code(frame, code);
    return own == shared;
  }
  return !may_have_moved(site.function);
}

}  // namespace inquest::v8
