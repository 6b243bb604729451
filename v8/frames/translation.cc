#include "v8/frames/translation.h"

#include <algorithm>
#include <array>

namespace inquest::v8 {
namespace {

using Kind = TranslationKind;

constexpr size_t kMaxOperands = 6;
constexpr int32_t kMaxFrames = 256;           ///< V8 inlines far fewer functions, each with a frame or two beside it
constexpr size_t kMaxInstructions = 1 << 16;  ///< of one translation

struct Instruction {
  const TranslationOpcode* opcode = nullptr;
  std::array<uint32_t, kMaxOperands> operands{};  ///< as they are written, signs not yet taken off
};

int32_t to_signed(uint32_t value) {
  auto magnitude = static_cast<int32_t>(value >> 1);
  return value & 1 ? -magnitude : magnitude;
}

bool is_frame(Kind kind) { return kind >= Kind::kJsFrame && kind <= Kind::kWasmFrame; }
bool is_begin(Kind kind) { return kind == Kind::kBegin || kind == Kind::kBeginRepeat; }

/// Reads instruction after instruction, as they are written.
class Instructions {
 public:
  Instructions(std::span<const std::byte> bytes, size_t at, const TranslationFormat& format)
      : bytes_(bytes), at_(at), format_(format) {}

  void go_to(size_t at) { at_ = at; }

  std::optional<Instruction> next() {
    Instruction instruction;
    if (at_ >= bytes_.size()) return std::nullopt;
    std::optional<uint32_t> opcode;
    if (format_.signed_opcodes) {
      opcode = number();
      if (opcode && *opcode & 1) return std::nullopt;
      if (opcode) *opcode >>= 1;
    } else {
      opcode = std::to_integer<uint32_t>(bytes_[at_++]);
    }
    if (!opcode) return std::nullopt;
    size_t known = format_.opcodes.size();
    if (*opcode >= known) {
      const TranslationOpcode* last = format_.opcodes.back();
      if (last->kind != Kind::kRepeat || *opcode == known) return std::nullopt;
      instruction.opcode = last;
      instruction.operands[0] = static_cast<uint32_t>(*opcode - known);
      return instruction;
    }
    instruction.opcode = format_.opcodes[*opcode];
    for (size_t i = 0; i < instruction.opcode->operands; ++i) {
      auto operand = number();
      if (!operand) return std::nullopt;
      instruction.operands[i] = *operand;
    }
    return instruction;
  }

 private:
  std::optional<uint32_t> number() {
    uint32_t value = 0;
    bool low_bit = format_.numbers == TranslationNumbers::kLowBit;
    for (int shift = 0; shift < 35 && at_ < bytes_.size(); shift += 7) {
      auto byte = std::to_integer<uint32_t>(bytes_[at_++]);
      uint32_t bits = low_bit ? byte >> 1 : byte & 0x7f;
      bool more = low_bit ? byte & 1 : byte >> 7;
      if (shift < 32) value |= bits << shift;
      if (!more) return value;
    }
    return std::nullopt;
  }

  std::span<const std::byte> bytes_;
  size_t at_;
  const TranslationFormat& format_;
};

/// The instructions of one translation behind its BEGIN, those that it repeats included.
class Unfolded {
 public:
  Unfolded(std::span<const std::byte> bytes, size_t index, const TranslationFormat& format)
      : own_(bytes, index, format), basis_(bytes, 0, format), index_(index) {}

  /// Numbers of frames: all, and of JavaScript.
  std::optional<std::pair<int32_t, int32_t>> begin() {
    auto begin = own_.next();
    if (!begin || !is_begin(begin->opcode->kind)) return std::nullopt;
    if (begin->opcode->kind == Kind::kBegin) {
      return std::pair(to_signed(begin->operands[0]), to_signed(begin->operands[1]));
    }
    if (uint32_t distance = begin->operands[0]; distance != 0) {
      if (distance > index_) return std::nullopt;
      basis_.go_to(index_ - distance);
      auto repeated = basis_.next();
      // It repeats nothing itself.
      if (!repeated || repeated->opcode->kind != Kind::kBeginRepeat || repeated->operands[0] != 0) return std::nullopt;
      has_basis_ = true;
    }
    return std::pair(to_signed(begin->operands[1]), to_signed(begin->operands[2]));
  }

  std::optional<Instruction> next() {
    if (count_ >= kMaxInstructions) return std::nullopt;
    if (repeats_ == 0) {
      auto instruction = own_.next();
      if (!instruction || instruction->opcode->kind != Kind::kRepeat) {
        ++count_;
        return instruction;
      }
      repeats_ = instruction->operands[0];
      if (!has_basis_ || repeats_ == 0) return std::nullopt;
    }
    --repeats_;
    // Instruction number n stands for number n there.
    std::optional<Instruction> repeated;
    for (; basis_count_ <= count_; ++basis_count_) {
      repeated = basis_.next();
      if (!repeated || repeated->opcode->kind == Kind::kRepeat || is_begin(repeated->opcode->kind)) return std::nullopt;
    }
    ++count_;
    return repeated;
  }

 private:
  Instructions own_, basis_;
  size_t index_;
  bool has_basis_ = false;
  size_t count_ = 0, basis_count_ = 0;
  uint32_t repeats_ = 0;
};

TranslatedFrame new_frame(const Instruction& instruction) {
  TranslatedFrame frame;
  frame.kind = instruction.opcode->kind;
  const auto& operands = instruction.operands;
  switch (frame.kind) {
    case Kind::kJsFrame:
    case Kind::kBuiltinJsFrame:
    case Kind::kWasmFrame:
      frame.bytecode_offset = to_signed(operands[0]);
      frame.shared = to_signed(operands[1]);
      break;
    case Kind::kArgumentsFrame: frame.shared = to_signed(operands[0]); break;
    case Kind::kOtherFrame: frame.bytecode_offset = to_signed(operands[0]); break;
    default: break;
  }
  return frame;
}

/// Collects the values of the frame that is last, and remembers which of them have parts still to come.
class Values {
 public:
  explicit Values(Translation& translation) : translation_(translation) {}

  bool complete() const { return open_.empty(); }

  bool add(const Instruction& instruction) {
    if (translation_.frames.empty()) return false;
    auto& values = translation_.frames.back().values;
    TranslatedValue value{.kind = instruction.opcode->kind,
                          .operand = instruction.opcode->operands > 0 ? to_signed(instruction.operands[0]) : 0};
    Translation::Place place{.frame = static_cast<uint32_t>(translation_.frames.size() - 1),
                             .value = static_cast<uint32_t>(values.size())};
    uint32_t parts = 0;
    if (value.kind == Kind::kDuplicate) {
      if (value.operand < 0 || static_cast<size_t>(value.operand) >= translation_.objects.size()) return false;
      place = translation_.objects[static_cast<size_t>(value.operand)];
    }
    if (value.kind == Kind::kObject) {
      if (value.operand < 0 || static_cast<size_t>(value.operand) > kMaxInstructions) return false;
      parts = static_cast<uint32_t>(value.operand);
    }
    if (value.kind == Kind::kConcat) parts = 2;
    bool is_object = value.kind == Kind::kDuplicate || value.kind == Kind::kObject || value.kind == Kind::kConcat ||
                     value.kind == Kind::kArguments;
    if (is_object) translation_.objects.push_back(place);
    values.push_back(value);
    if (parts > 0) {
      open_.push_back({values.size() - 1, parts});
      return true;
    }
    while (!open_.empty() && --open_.back().parts == 0) {
      size_t closed = open_.back().value;
      values[closed].size = static_cast<uint32_t>(values.size() - closed);
      open_.pop_back();
    }
    return true;
  }

 private:
  struct Open {
    size_t value;
    uint32_t parts;
  };
  Translation& translation_;
  std::vector<Open> open_;
};

}  // namespace

size_t TranslatedFrame::skip(size_t count) const {
  size_t at = 0;
  for (; count > 0 && at < values.size(); --count) at += values[at].size;
  return std::min(at, values.size());
}

size_t TranslatedFrame::count() const {
  size_t count = 0;
  for (size_t at = 0; at < values.size(); at += values[at].size) ++count;
  return count;
}

std::optional<Translation> decode_translation(std::span<const std::byte> bytes, uint32_t index,
                                              const TranslationFormat& format) {
  Unfolded instructions(bytes, index, format);
  auto counts = instructions.begin();
  if (!counts || counts->first < 1 || counts->first > kMaxFrames) return std::nullopt;
  auto [frames, js_frames] = *counts;
  Translation translation;
  Values values(translation);
  while (true) {
    auto instruction = instructions.next();
    if (!instruction || is_begin(instruction->opcode->kind)) break;  // of the next one, or the end of all
    Kind kind = instruction->opcode->kind;
    if (kind == Kind::kFeedback) continue;
    if (is_frame(kind)) {
      if (!values.complete() || static_cast<int32_t>(translation.frames.size()) == frames) return std::nullopt;
      translation.frames.push_back(new_frame(*instruction));
    } else if (!values.add(*instruction)) {
      return std::nullopt;
    }
  }
  auto functions = std::ranges::count(translation.frames, Kind::kJsFrame, &TranslatedFrame::kind);
  auto builtins = std::ranges::count(translation.frames, Kind::kBuiltinJsFrame, &TranslatedFrame::kind);
  // Maglev does not count the builtins.
  bool as_announced = static_cast<int32_t>(translation.frames.size()) == frames &&
                      (functions + builtins == js_frames || functions == js_frames);
  if (!values.complete() || !as_announced) return std::nullopt;
  return translation;
}

}  // namespace inquest::v8
