// Frames of optimised code. What the code's table of source positions says and what its translation says must agree;
// where there is no translation to be had, the table alone gives the functions and their places, but neither receivers
// nor arguments.
#include <algorithm>
#include <ranges>

#include "v8/frames/frame_reader.h"

namespace inquest::v8 {
namespace {
constexpr size_t kMaxInlined = 64;  ///< far above V8's own limits on nested inlining
}  // namespace

void FrameReader::set_receiver(CallSite& site, const std::optional<FrameValue>& receiver) {
  if (!receiver) return;
  if (receiver->kind == FrameValue::Kind::kNotAllocated) site.receiver_map = receiver->word;
  if (receiver->kind == FrameValue::Kind::kTagged) site.receiver = receiver->word;
  if (receiver->kind == FrameValue::Kind::kNumber) site.receiver = 0;  // any number is called the same
}

/// Innermost first; at least one.
std::vector<FrameReader::PositionedCall> FrameReader::calls_by_position(const CompiledCode& code, uint64_t pc_offset,
                                                                        uint64_t shared) const {
  std::vector<PositionedCall> calls;
  auto table = table_bytes(objects_, objects_.field(code.code, offsets_.positions));
  auto position = find_source_position(table, heap_.layout().version, static_cast<int64_t>(pc_offset));
  uint64_t data = objects_.field(code.code, offsets_.deopt_data);
  uint64_t literals = objects_.field(data, 16 + 8ull * offsets_.literals);
  auto inlining = table_bytes(objects_, objects_.field(data, 16 + 8ull * offsets_.inlining));
  while (calls.size() < kMaxInlined) {
    PositionedCall call{.shared = shared, .position = position};
    std::optional<InliningPosition> inlined;
    if (position) inlined = inlining_position(inlining, position->inlining_id);
    if (inlined && inlined->function >= 0) {
      call.shared = objects_.field(literals, 16 + 8ull * static_cast<uint32_t>(inlined->function));
      if ((call.shared & kTagMask) == kWeakTag) call.shared -= kWeakTag - kHeapObjectTag;
      call.shared = objects_.resolved(call.shared);
    }
    call.inlined = inlined.has_value();
    calls.push_back(call);
    if (!inlined) break;
    position = inlined->call;
  }
  return calls;
}

/// Whether a translation tells of the same functions at the same places. Builtins are in translations only. The place
/// of the innermost call may differ within its function: until 8.x the code's table often has that of an operand
/// instead.
bool FrameReader::agree(const std::vector<DeoptFrame>& frames, const std::vector<PositionedCall>& calls) const {
  std::vector<const DeoptFrame*> functions;
  for (const DeoptFrame& frame : std::views::reverse(frames)) {
    if (frame.kind == DeoptFrame::Kind::kJs) functions.push_back(&frame);
  }
  if (functions.empty() || functions.back() != &frames.front()) return false;
  if (functions.back()->shared != objects_.resolved(calls.back().shared)) return false;
  if (!calls.front().position) return true;
  return std::ranges::equal(functions, calls, [&](const DeoptFrame* frame, const PositionedCall& call) {
    auto position = scripts_.bytecode_position(frame->shared, frame->bytecode_offset);
    bool same_place = !position || !call.position || position->script_offset == call.position->script_offset;
    return frame->shared == call.shared && (same_place || frame == functions.front());
  });
}

/// Innermost first. Names of inlined functions are their own, `new` is a guess.
std::vector<V8Frame> FrameReader::by_position(const std::vector<PositionedCall>& calls, Tier tier) const {
  std::vector<V8Frame> frames;
  for (const PositionedCall& call : calls) {
    V8Frame frame;
    frame.kind = V8FrameKind::kJs;
    frame.tier = tier;
    frame.inlined = call.inlined;
    frame.script_word = scripts_.script_of(call.shared);
    if (!frames.empty() && call.position) {
      // Of an inlined call only the source tells whether it was `new`: the position of the call is that of the word.
      V8Frame& callee = frames.back();
      if (scripts_.has_text(frame.script_word, call.position->script_offset, "new "))
        callee.function = "new " + callee.function;
    }
    CallSite site;
    site.shared = call.shared;
    if (call.inlined) frame.function = names_.text(site);
    if (call.position) {
      place(frame, call.position->script_offset);
    } else {
      frame.remark = earlier_ != nullptr ? "its code may have been moved" : "the code has no table of source positions";
    }
    frames.push_back(std::move(frame));
  }
  return frames;
}

/// Innermost first.
std::vector<V8Frame> FrameReader::by_translation(const std::vector<DeoptFrame>& translated, Tier tier) const {
  std::vector<V8Frame> frames;
  for (const DeoptFrame& from : std::views::reverse(translated)) {
    V8Frame frame;
    frame.tier = tier;
    frame.inlined = &from != &translated.front();
    frames.push_back(frame);
    V8Frame& to = frames.back();
    if (from.kind == DeoptFrame::Kind::kWasm) {
      to.kind = V8FrameKind::kWasm;
      continue;
    }
    to.receiver = from.receiver;
    check_receiver(to, false);
    to.arguments = from.arguments;
    to.argument_count = from.argument_count;
    to.function_word = from.function;
    CallSite site;
    site.function = from.function;
    site.shared = from.shared;
    site.constructor = from.constructor;
    set_receiver(site, to.receiver);
    to.function = names_.text(site);
    if (from.kind == DeoptFrame::Kind::kBuiltin) {
      to.kind = is_template(function_data(from.shared)) ? V8FrameKind::kExit : V8FrameKind::kBuiltin;
      to.tier = Tier::kNone;
      if (names_.function_name(site).empty()) to.function_word = 0;  // a closure of V8's own
      if (to.function.empty()) to.function = "(builtin)";
      continue;
    }
    to.kind = V8FrameKind::kJs;
    to.script_word = scripts_.script_of(from.shared);
    to.bytecode_offset = from.bytecode_offset;
    if (auto position = scripts_.bytecode_position(from.shared, from.bytecode_offset)) {
      place(to, position->script_offset);
    } else {
      to.remark = "the function has no table of source positions";
    }
  }
  return frames;
}

/// Maglev puts what is seldom needed behind the code of the function, with no source positions of its own
/// (EmitDeferredCode in src/maglev/maglev-code-generator.cc): there the place is that of the jump that led to it.
uint64_t FrameReader::before_deferred_code(const CompiledCode& code, uint64_t pc_offset) const {
  constexpr int kMaxJumps = 8;
  constexpr uint64_t kMostCode = 16 << 20;
  auto table = table_bytes(objects_, objects_.field(code.code, offsets_.positions));
  int64_t last = last_position_offset(table, heap_.layout().version);
  if (last < 0) return pc_offset;
  auto bytes = heap_.target().memory().view(Address(code.start), std::min(pc_offset, kMostCode));
  for (int i = 0; i<kMaxJumps&& static_cast<int64_t>(pc_offset)> last; ++i) {
    uint64_t from = jump_to_block_around(bytes, pc_offset);
    if (from == pc_offset) break;
    pc_offset = from;
  }
  return pc_offset;
}

std::vector<V8Frame> FrameReader::optimized(const CompiledCode& code, const Frame& frame, uint64_t shared,
                                            Tier tier) const {
  uint64_t pc_offset = frame.lookup_pc().value() - code.start;
  std::optional<Safepoint> safepoint;
  if (!frame.exact_pc) safepoint = deopt_.safepoint(code, pc_offset + 1, tier);
  if (safepoint && safepoint->pc > 0) pc_offset = safepoint->pc - 1;  // not that of the trampoline
  bool deferred = tier == Tier::kMaglev && safepoint && !safepoint->deopt_index;
  if (deferred) pc_offset = before_deferred_code(code, pc_offset);
  std::vector<PositionedCall> calls = calls_by_position(code, pc_offset, shared);
  if (earlier_ != nullptr && !frame.exact_pc && !safepoint) {
    // No call returns to there: this is other code for the function, made since. Which functions were inlined is
    // unknown.
    calls = {{.shared = shared, .position = std::nullopt, .inlined = false}};
  }
  std::vector<DeoptFrame> translated;
  if (safepoint) {
    translated = deopt_.frames(code, *safepoint, frame.registers.values.fp(),
                               [&](const std::vector<DeoptFrame>& frames) { return agree(frames, calls); });
  }
  if (!translated.empty()) return by_translation(translated, tier);
  std::vector<V8Frame> frames = by_position(calls, tier);
  // The translation leads to functions and receivers that have moved.
  bool lacks_receivers = earlier_ != nullptr && safepoint && safepoint->deopt_index;
  for (size_t i = 0; lacks_receivers && i + 1 < frames.size(); ++i)
    if (frames[i].remark.empty()) frames[i].remark = "its receiver may have been moved";
  // Seen in 14.6: that of a loop instead of the call in it.
  bool is_doubtful = earlier_ != nullptr && tier == Tier::kMaglev;
  for (size_t i = 1; is_doubtful && i < frames.size(); ++i) frames[i].remark = "its place may be another one";
  return frames;
}

}  // namespace inquest::v8
