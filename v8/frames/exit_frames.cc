// Frames through which JavaScript left V8: calls of functions written in C++.
#include <algorithm>

#include "v8/frames/frame_reader.h"

namespace inquest::v8 {

/// The object that says what a function runs when it is not bytecode, tagged; 0 when there is none.
uint64_t FrameReader::function_data(uint64_t shared) const {
  for (uint64_t offset : {8, 16}) {  // from 12.9 on the untrusted one is the second
    uint64_t data = objects_.field(shared, offset);
    const MapInfo* map = objects_.map_of(data);
    if (map != nullptr && map->category == Category::kInternal) return data;
  }
  return 0;
}

bool FrameReader::is_template(uint64_t word) const {
  const MapInfo* map = objects_.map_of(word);
  return map != nullptr && map->type == heap_.types().function_template_info;
}

/// A call into a builtin written in C++. Its frame keeps new.target, the function and the count of arguments in front
/// of them (BuiltinExitFrameConstants); the count includes these.
bool FrameReader::builtin_exit(V8Frame& frame, Address fp) const {
  constexpr int64_t kNewTarget = 16, kTarget = 24, kCount = 32, kPadding = 40;
  uint64_t function = objects_.resolved(slot(fp, kTarget)), count = slot(fp, kCount);
  // new.target, function, count, padding (not in 14.x), receiver
  const Page* page = heap_.pages().page_of(function - 1);
  bool padded = slot(fp, kPadding) == heap_.root("the_hole_value", page != nullptr ? page->isolate : 0);
  uint64_t extra = padded ? 5 : 4;
  if (!objects_.is_function(function) || !is_smi(count) || smi_value(count) < static_cast<int32_t>(extra)) return false;
  uint64_t shared = objects_.field(function, heap_.layout().js_function_shared);
  CallSite site;
  site.function = function;
  site.shared = shared;
  frame.argument_count = static_cast<uint32_t>(smi_value(count)) - extra;
  if (frame.argument_count > kMaxCount) return false;
  int64_t last = static_cast<int64_t>(frame.argument_count);
  int64_t receiver = offsets_.receiver_first ? (padded ? 48 : 40) : kNewTarget + 8 * int64_t{smi_value(count)} - 8;
  site.receiver = objects_.resolved(slot(fp, receiver));
  frame.receiver = FrameValue::tagged(*site.receiver);
  site.constructor = objects_.map_of(slot(fp, kNewTarget)) != nullptr && objects_.is_function(slot(fp, kNewTarget));
  for (int64_t i = 1; i <= std::min<int64_t>(last, kMaxArguments); ++i) {
    frame.arguments.push_back(FrameValue::tagged(slot(fp, receiver + (offsets_.receiver_first ? 8 : -8) * i)));
  }
  if (!heap_.is_live() && is_doubtful(*site.receiver)) {
    site.receiver.reset();
    frame.remark = "its receiver may have been moved";
  }
  frame.function_word = function;
  frame.function = names_.text(site);
  if (!is_template(function_data(shared))) frame.kind = V8FrameKind::kBuiltin;
  return true;
}

/// Until 7.7 functions of embedders were called like builtins, but through the same frame as functions of the runtime
/// (BUILD_API in src/builtins/setup-builtins-internal.cc of 7.4), which tells nothing of itself.
bool FrameReader::is_unmarked_api_call(Address fp) const {
  constexpr int64_t kTarget = 24, kCount = 32;
  if (heap_.layout().version >= V8Version{8, 0} || !is_smi(slot(fp, kCount))) return false;
  uint64_t function = objects_.resolved(slot(fp, kTarget));
  return objects_.is_function(function) &&
         is_template(function_data(objects_.field(function, heap_.layout().js_function_shared)));
}

/// A function of the template `info` among the own properties of `receiver` and its prototypes, 0 when there is none: a
/// call that was optimised leaves the template alone.
uint64_t FrameReader::function_of_template(uint64_t receiver, uint64_t info) const {
  constexpr int kMaxChain = 4, kMaxProperties = 4096;
  uint64_t found = 0, holder = receiver;
  for (int i = 0; i < kMaxChain && found == 0; ++i) {
    const MapInfo* map = objects_.map_of(holder);
    if (map == nullptr || map->category != Category::kReceiver) break;
    int seen = 0;
    objects_.for_each_property(holder, [&](const ObjectReader::Property& property) {
      if (!property.accessor && !property.raw_double && objects_.is_function(property.value)) {
        uint64_t shared = objects_.field(property.value, heap_.layout().js_function_shared);
        if (function_data(shared) == info) found = property.value;
      }
      return found == 0 && ++seen < kMaxProperties;
    });
    holder = objects_.field(map->map + 1, heap_.layout().map.prototype);
  }
  return found;
}

/// A call from JavaScript into C++ by way of CallApiCallback (V8 11.8 and later). Where the function lies, or its
/// template, tells how the rest is arranged: ApiCallbackExitFrameConstants, src/execution/frame-constants.h
/// of 11.8, 12.9 and 14.6.
void FrameReader::api_callback_exit(V8Frame& frame, Address fp) const {
  struct Arrangement {
    int64_t target, count, receiver;
  };
  constexpr Arrangement kArrangements[] = {{16, 24, 88}, {48, -24, 64}, {40, -24, 48}};
  constexpr int64_t kContext = 32;
  const MapInfo* context = objects_.map_of(slot(fp, kContext));
  // Optimised code gives its own.
  if (context == nullptr || (context->rule != SizeRule::kNativeContext && context->rule != SizeRule::kContext)) return;
  for (const Arrangement& at : kArrangements) {
    uint64_t target = objects_.resolved(slot(fp, at.target));
    uint64_t receiver = objects_.resolved(slot(fp, at.receiver));
    if (objects_.map_of(receiver) == nullptr) continue;
    if (is_template(target)) {
      target = function_of_template(receiver, target);
      if (target == 0) return;
    }
    if (!objects_.is_function(target)) continue;
    CallSite site;
    site.function = target;
    site.shared = objects_.field(target, heap_.layout().js_function_shared);
    if (!is_template(function_data(site.shared))) continue;
    site.receiver = receiver;
    frame.receiver = FrameValue::tagged(receiver);
    uint64_t count = slot(fp, at.count);
    if (count > kMaxCount && is_smi(count)) count = static_cast<uint32_t>(std::max(smi_value(count), 0));
    frame.argument_count = count <= kMaxCount ? count : 0;
    for (uint64_t i = 1; i <= std::min<uint64_t>(frame.argument_count, kMaxArguments); ++i) {
      uint64_t word = slot(fp, at.receiver + 8 * static_cast<int64_t>(i));
      frame.arguments.push_back(FrameValue::tagged(objects_.resolved(word)));
    }
    if (!heap_.is_live() && is_doubtful(receiver)) {
      site.receiver.reset();
      frame.remark = "its receiver may have been moved";
    }
    frame.function_word = target;
    frame.function = names_.text(site);
    return;
  }
}

/// The function of C++ that a call has always called: optimised code that calls into C++ directly was made for it. The
/// first of the two slots of a call is a weak reference to its target (FeedbackNexus::GetCallFeedback,
/// src/objects/feedback-vector.h of 11.8 to 12.4).
uint64_t FrameReader::function_by_feedback(uint64_t caller, int32_t bytecode_offset) const {
  constexpr uint64_t kMostWords = 10;  // of a JSFunction
  constexpr uint64_t kMostBytecodes = 1 << 24;
  const Layout& layout = heap_.layout();
  uint64_t bytecodes = scripts_.bytecodes_of(objects_.field(caller, layout.js_function_shared));
  uint64_t length = objects_.field(bytecodes, 8);
  if (bytecodes == 0 || bytecode_offset < 0 || !is_smi(length) || smi_value(length) <= 0) return 0;
  uint64_t size = std::min<uint64_t>(static_cast<uint64_t>(smi_value(length)), kMostBytecodes);
  const std::byte* bytes = heap_.pages().object_bytes(objects_.resolved(bytecodes) - 1, offsets_.bytecode_header, size);
  if (bytes == nullptr) return 0;
  auto index = last_operand({bytes, size}, bytecode_sizes(), static_cast<size_t>(bytecode_offset));
  if (!index) return 0;
  for (uint64_t at = 24; at < 8 * kMostWords; at += 8) {
    uint64_t vector = objects_.field(objects_.field(caller, at), 8);  // by way of the function's FeedbackCell
    const MapInfo* map = objects_.map_of(vector);
    if (map == nullptr || map->rule != SizeRule::kFeedbackVector) continue;
    auto slots = static_cast<uint32_t>(objects_.field(vector, heap_.calibration().feedback_vector_length));
    if (*index >= slots) return 0;
    uint64_t target = objects_.field(vector, heap_.calibration().feedback_vector_header + 8 * uint64_t{*index});
    if ((target & kTagMask) != kWeakTag) return 0;
    target = objects_.resolved(target - (kWeakTag - kHeapObjectTag));
    if (!objects_.is_function(target)) return 0;
    return is_template(function_data(objects_.field(target, layout.js_function_shared))) ? target : 0;
  }
  return 0;
}

/// The arguments of a call into C++ lie where the FunctionCallbackInfo below the frame says (Generate_CallApiCallback,
/// src/builtins/x64/builtins-x64.cc): its first word is the address of the implicit arguments, which follow the return
/// address, its second that of the arguments.
void FrameReader::arguments_by_info(V8Frame& frame, const Frame& at) const {
  constexpr uint64_t kMostImplicit = 8, kMostWords = 32;
  Address own = at.registers.values.fp();
  int64_t step = offsets_.receiver_first ? 8 : -8;
  for (uint64_t i = 0; i < kMostWords; ++i) {
    Address info = at.registers.values.sp() + 8 * i;
    uint64_t first = slot(info, 8), count = slot(info, 16) & 0xffffffff;
    if (info >= own) break;
    if (slot(info, 0) != own.value() + 16 || count > kMaxCount) continue;
    uint64_t receiver = first - static_cast<uint64_t>(step);
    if (receiver < own.value() + 16 || receiver > own.value() + 16 + 8 * (kMostImplicit + count)) continue;
    frame.argument_count = static_cast<uint32_t>(count);
    for (int64_t k = 0; k < std::min<int64_t>(frame.argument_count, kMaxArguments); ++k) {
      frame.arguments.push_back(FrameValue::tagged(objects_.resolved(slot(Address(first), step * k))));
    }
    if (!frame.receiver) frame.receiver = FrameValue::tagged(objects_.resolved(slot(Address(receiver), 0)));
    return;
  }
}

/// A call from optimised code into C++ by way of CallApiCallback, before 12.5: nothing in the frame says which function
/// was called. Until 11.3 V8 had to know it to leave the code that calls, and so its translation tells it
/// (CreateGenericLazyDeoptContinuationFrameState, src/compiler/js-call-reducer.cc of 8.4 to 11.3); later the feedback
/// does.
void FrameReader::inlined_api_call(V8Frame& frame, const Frame& at) const {
  auto registers = caller(at);
  if (!registers) return;
  Frame calling;
  calling.registers = *registers;
  calling.pc = registers->values.pc();
  Address fp = registers->values.fp();
  uint64_t function = objects_.resolved(slot(fp, -16));
  auto code = code_.compiled_at(calling.lookup_pc());
  if (!code || !is_heap_object(slot(fp, -8)) || !objects_.is_function(function)) return;
  auto frames = compiled(*code, calling, objects_.field(function, heap_.layout().js_function_shared));
  if (frames.empty()) return;
  if (frames.front().kind == V8FrameKind::kJs) {
    uint64_t calling_function = frames.size() == 1 ? function : frames.front().function_word;
    uint64_t called = earlier_ == nullptr ? function_by_feedback(calling_function, frames.front().bytecode_offset) : 0;
    if (called == 0) return;
    arguments_by_info(frame, at);
    CallSite site;
    site.function = called;
    site.shared = objects_.field(called, heap_.layout().js_function_shared);
    set_receiver(site, frame.receiver);
    frame.function_word = called;
    frame.function = names_.text(site);
    return;
  }
  if (frames.size() < 2 || frames.front().kind != V8FrameKind::kExit) return;
  frame.function = frames.front().function;
  frame.function_word = frames.front().function_word;
  frame.receiver = frames.front().receiver;
  frame.remark = frames.front().remark;
  arguments_by_info(frame, at);
}

}  // namespace inquest::v8
