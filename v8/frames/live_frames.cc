// Frames whose stack and registers are of a moment that is over, while the heap is that of now (a process that goes on
// running) or of the process's death. In between a collector may have moved the function, and put another one in its
// place. Of a core it is known when garbage was collected last, so what lay there then and what did not is known too.
// Else what the code itself says, which is seldom moved, decides.
#include <algorithm>
#include <utility>

#include "v8/frames/frame_reader.h"

namespace inquest::v8 {
namespace {
/// Where frames of baseline code have their FeedbackVector, from 12.x on those of interpreted code too.
constexpr int64_t kFeedbackVectors[] = {-40, -48};
}  // namespace

/// What was remembered of the heap may have changed since.
void FrameReader::forget_past() const {
  constexpr size_t kMostFunctions = 1 << 16;
  uint64_t now = heap_.pages().generation();
  if (std::exchange(generation_, now) == now) return;
  maps_.clear();
  names_.clear();
  if (shared_of_bytecodes_.size() > kMostFunctions) shared_of_bytecodes_.clear();
}

/// Null when they are not known. In a process that runs they are read anew for each event.
const LastCollections* FrameReader::collections_of(const Page& page) const {
  if (earlier_ == nullptr || !earlier_->moment() || page.isolate >= heap_.isolates().size()) return nullptr;
  if (collections_.empty()) collections_.resize(heap_.isolates().size());
  Collections& known = collections_[page.isolate];
  const Isolate& isolate = heap_.isolates()[page.isolate];
  uint64_t generation = heap_.pages().generation();
  if (!known.was_read || std::exchange(known.generation, generation) != generation) {
    known.was_read = true;
    known.last.reset();
    if (!isolate.heap.is_null() && !isolate.scavenging)
      known.last = find_last_collections(heap_.target().memory(), isolate.heap, known.word);
  }
  return known.last ? &*known.last : nullptr;
}

/// Whether an object that is never made in new space is where it was at the moment of the stack.
bool FrameReader::stayed(uint64_t old_object) const {
  const Page* page = heap_.pages().page_of(old_object - 1);
  const LastCollections* last = page != nullptr && !heap_.is_live() ? collections_of(*page) : nullptr;
  return last != nullptr && *earlier_->moment() > last->full;
}

/// `old_object` was there at the moment of the stack, and is never made in new space.
void FrameReader::note_old(uint64_t old_object) const {
  const Page* page = is_heap_object(old_object) ? heap_.pages().page_of(old_object - 1) : nullptr;
  if (page != nullptr && page->space == Space::kOld && stayed(old_object))
    old_pages_.try_emplace(page->chunk.value(), *earlier_->moment());
}

/// Whether nothing has been moved or collected since the moment of the stack, as far as it concerns this object. Since
/// 12.x pages that a scavenge has emptied may become pages of old space: then what is old now need not have been.
bool FrameReader::is_where_it_was(uint64_t word) const {
  const Page* page = heap_.pages().page_of(word - 1);
  const LastCollections* last = page != nullptr ? collections_of(*page) : nullptr;
  if (last == nullptr || heap_.is_live()) return false;  // a process that runs may begin to collect at any time
  uint64_t moment = *earlier_->moment();
  if (moment > last->any) return moment > last->full;
  if (page->space != Space::kOld || moment <= last->full) return false;
  auto known = old_pages_.find(page->chunk.value());
  return known != old_pages_.end() && known->second <= moment;
}

/// New objects are moved by every scavenge, which leaves the new address in the old place until the next one: a little
/// later they are found, later something else may lie there. Old objects are seldom moved, and in a process that runs
/// it is only milliseconds that may have passed; but what is old now may have been a page of new space before.
bool FrameReader::may_have_moved(uint64_t word) const {
  constexpr uint64_t kRecent = 5'000'000;  // nanoseconds; two scavenges are further apart
  if (!is_heap_object(word)) return false;
  const Page* page = heap_.pages().page_of(word - 1);
  if (page == nullptr) return true;
  if (page->space == Space::kReadOnly || is_where_it_was(word)) return false;
  bool is_new = page->space == Space::kNew || page->space == Space::kNewLarge;
  if (!is_new && !heap_.is_live()) return true;
  const LastCollections* last = heap_.is_live() ? collections_of(*page) : nullptr;
  // While the process is collecting they cannot be told.
  bool is_unknown = last == nullptr && earlier_ != nullptr && earlier_->age() > kRecent;
  bool was_collected = is_unknown || (last != nullptr && *earlier_->moment() <= last->any);
  if (!is_new) return page->space == Space::kOld && was_collected;
  if (was_collected) return true;
  bool is_left_behind = page->from_space && objects_.resolved(word) == word;
  return is_left_behind || earlier_ == nullptr || earlier_->age() > kRecent;
}

/// Takes away a receiver that is not to be relied on any more; `moved`: nothing of the frame is.
void FrameReader::check_receiver(V8Frame& frame, bool moved) const {
  if (earlier_ == nullptr || !frame.receiver || frame.receiver->kind != FrameValue::Kind::kTagged) return;
  if (!(moved && heap_.is_live()) && !is_doubtful(frame.receiver->word)) return;
  frame.receiver.reset();
  if (frame.remark.empty()) frame.remark = "its receiver may have been moved";
}

/// Whether a receiver is not to be relied on.
bool FrameReader::is_doubtful(uint64_t receiver) const {
  if (earlier_ == nullptr) return false;
  const MapInfo* map = objects_.map_of(receiver);
  bool is_none = is_heap_object(receiver) && !heap_.is_read_only(receiver - 1) &&
                 (map == nullptr || map->category == Category::kInternal || map->category == Category::kFiller);
  return is_none || (may_have_moved(receiver) && !names_.is_top_level(receiver));
}

/// Functions that are no JavaScript are made with their context and live as long as it, in old space.
bool FrameReader::function_may_have_moved(uint64_t function) const {
  if (!may_have_moved(function)) return false;
  const Page* page = heap_.pages().page_of(function - 1);
  bool is_old = page != nullptr && page->space != Space::kNew && page->space != Space::kNewLarge;
  uint64_t shared = objects_.field(function, heap_.layout().js_function_shared);
  return !is_old || !objects_.is_function(function) || scripts_.script_of(shared) != 0;
}

/// Where a function was there may lie another one with the same code: it runs the same, but may be called otherwise.
bool FrameReader::may_be_another(const CallSite& site) const {
  if (earlier_ == nullptr || heap_.is_live() || !function_may_have_moved(site.function)) return false;
  bool is_method = site.receiver && !names_.is_top_level(*site.receiver);
  return is_method || site.receiver_map != 0 || names_.has_own_name(site.function);
}

/// Functions of frames that are no JavaScript.
V8Frame FrameReader::checked(V8Frame frame, const std::string& builtin) const {
  if (earlier_ == nullptr || frame.function_word == 0 || !function_may_have_moved(frame.function_word)) return frame;
  frame.function_word = 0;
  frame.function = builtin;
  if (!heap_.is_live()) frame.remark = "its function may have been moved";
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

bool FrameReader::is_shared(uint64_t word) const {
  const MapInfo* map = objects_.map_of(word);
  return map != nullptr && map->type == heap_.types().shared_function_info;
}

/// The SharedFunctionInfo (tagged) that the code of a frame belongs to; 0 when it does not tell.
uint64_t FrameReader::shared_by_code(const Frame& frame, const std::optional<CompiledCode>& code) const {
  Address fp = frame.registers.values.fp();
  if (uint64_t bytecodes = bytecodes_in(frame, code)) {
    auto fits = [&](uint64_t shared) { return is_shared(shared) && scripts_.bytecodes_of(shared) == bytecodes; };
    bool is_same = stayed(bytecodes);
    if (is_same) find_owners_of_bytecodes();
    auto known = shared_of_bytecodes_.find(bytecodes);
    bool is_known = known != shared_of_bytecodes_.end() && fits(known->second);
    if (is_known && (is_same || heap_.is_live())) return known->second;
    for (int64_t offset : kFeedbackVectors) {
      uint64_t vector = slot(fp, offset);
      for (uint64_t at = 8; at <= 40 && objects_.map_of(vector) != nullptr; at += 8) {
        if (uint64_t shared = objects_.field(vector, at); fits(shared)) return shared;
      }
    }
    return 0;
  }
  if (!code || (!heap_.is_live() && !stayed(code->code))) return 0;
  return shared_of_code(*code);
}

/// The SharedFunctionInfo of optimised code; 0 when it is none.
uint64_t FrameReader::shared_of_code(const CompiledCode& code) const {
  // DeoptimizationData has it in front of the inlining positions, from 12.x on in a wrapper.
  uint64_t data = objects_.field(code.code, offsets_.deopt_data);
  uint64_t word = objects_.field(data, 16 + 8ull * (offsets_.inlining - 1u));
  if (is_shared(word)) return word;
  word = objects_.field(word, 8);
  return is_shared(word) ? word : 0;
}

/// Whether a frame may be at this place of its bytecodes.
bool FrameReader::is_offset_in(uint64_t bytecodes, uint64_t offset) const {
  uint64_t length = objects_.field(bytecodes, 8);
  if (!is_smi(length) || !is_smi(offset)) return false;
  int64_t inside = int64_t{smi_value(offset)} - (offsets_.bytecode_header - 1);
  return inside >= -1 && inside < smi_value(length);  // -1: where it is entered
}

/// What was made in old space when the function of a frame was compiled, or earlier.
void FrameReader::note_old_parts(Address fp, uint64_t shared) const {
  constexpr int32_t kMostConstants = 4096;
  if (heap_.is_live() || !earlier_->moment()) return;
  for (int64_t offset : kFeedbackVectors) {
    uint64_t vector = slot(fp, offset);
    const MapInfo* map = objects_.map_of(vector);
    if (map == nullptr || map->rule != SizeRule::kFeedbackVector) continue;
    for (uint64_t at = 8; at <= 40; at += 8)
      if (objects_.field(vector, at) == shared) note_old(vector);
  }
  if (!noted_.insert(shared).second) return;
  note_old(shared);
  note_old(scripts_.script_of(shared));
  uint64_t bytecodes = scripts_.bytecodes_of(shared);
  for (uint64_t at = 16; bytecodes != 0 && at <= 40; at += 8) {
    uint64_t constants = objects_.field(bytecodes, at), length = objects_.field(constants, 8);
    const MapInfo* map = objects_.map_of(constants);
    if (map == nullptr || map->rule != SizeRule::kArray16 || !is_smi(length)) continue;
    note_old(constants);
    // Names and functions; the boilerplates of classes are made in new space (ClassBoilerplate,
    // src/objects/literal-objects.cc).
    for (int32_t i = 0; i < std::min(smi_value(length), kMostConstants); ++i) {
      uint64_t constant = objects_.field(constants, 16 + 8 * static_cast<uint64_t>(i));
      if (objects_.is_string(constant) || is_shared(constant)) note_old(constant);
    }
  }
}

/// Of a core: every function that has bytecodes.
void FrameReader::find_owners_of_bytecodes() const {
  if (std::exchange(has_owners_, true) || heap_.is_live()) return;
  Walker walker = heap_.new_walker(maps_);
  WalkStats stats;
  for (const Page& page : heap_.pages().pages()) {
    if (page.space != Space::kOld) continue;
    walker.walk(page, heap_.areas_of(page), stats,
                [&](uint64_t address, const MapInfo& map, uint64_t, const std::byte*) {
                  if (map.type != heap_.types().shared_function_info) return;
                  uint64_t bytecodes = scripts_.bytecodes_of(address + 1);
                  bool is_direct = bytecodes != 0 && objects_.field(address + 1, 8) == bytecodes;
                  if (is_direct) shared_of_bytecodes_[bytecodes] = address + 1;
                  if (bytecodes != 0) shared_of_bytecodes_.try_emplace(bytecodes, address + 1);
                });
  }
}

/// Whether the function that the frame names is (still) one that runs this code.
bool FrameReader::still_fits(const CallSite& site, const Frame& frame, const std::optional<CompiledCode>& code) const {
  if (!objects_.is_function(site.function)) return false;
  Address fp = frame.registers.values.fp();
  uint64_t shared = objects_.field(site.function, heap_.layout().js_function_shared);
  if (uint64_t bytecodes = bytecodes_in(frame, code)) {
    if (scripts_.bytecodes_of(shared) != bytecodes) return false;
    if (!code && !is_offset_in(bytecodes, slot(fp, offsets_.bytecode_array - 8))) return false;
    shared_of_bytecodes_[bytecodes] = shared;
    return true;
  }
  if (code) {
    return shared_of_code(*code) == shared;
  }
  return !function_may_have_moved(site.function);
}

}  // namespace inquest::v8
