#include "ncurses_probes/attach/usdt_notes.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "postmortem/elf/elf_headers.h"

namespace inquest::probes {
namespace {

constexpr uint32_t kUsdtNote = 3;
constexpr size_t kMaxProbes = 100'000;

/// The names of a register for 8, 4, 2 and 1 bytes.
struct RegisterNames {
  inquest_register number;
  std::string_view names[5];
};
constexpr RegisterNames kRegisters[] = {
    {INQUEST_AX, {"rax", "eax", "ax", "al", "ah"}},     {INQUEST_BX, {"rbx", "ebx", "bx", "bl", "bh"}},
    {INQUEST_CX, {"rcx", "ecx", "cx", "cl", "ch"}},     {INQUEST_DX, {"rdx", "edx", "dx", "dl", "dh"}},
    {INQUEST_SI, {"rsi", "esi", "si", "sil", ""}},      {INQUEST_DI, {"rdi", "edi", "di", "dil", ""}},
    {INQUEST_BP, {"rbp", "ebp", "bp", "bpl", ""}},      {INQUEST_SP, {"rsp", "esp", "sp", "spl", ""}},
    {INQUEST_R8, {"r8", "r8d", "r8w", "r8b", ""}},      {INQUEST_R9, {"r9", "r9d", "r9w", "r9b", ""}},
    {INQUEST_R10, {"r10", "r10d", "r10w", "r10b", ""}}, {INQUEST_R11, {"r11", "r11d", "r11w", "r11b", ""}},
    {INQUEST_R12, {"r12", "r12d", "r12w", "r12b", ""}}, {INQUEST_R13, {"r13", "r13d", "r13w", "r13b", ""}},
    {INQUEST_R14, {"r14", "r14d", "r14w", "r14b", ""}}, {INQUEST_R15, {"r15", "r15d", "r15w", "r15b", ""}},
};

/// "%rdi": its number. The upper half of the first 16 bits (%ah) is not told from the lower one, so it is no answer.
std::optional<uint8_t> register_number(std::string_view text) {
  if (!text.starts_with('%') || text.size() < 3) return std::nullopt;
  text.remove_prefix(1);
  for (const RegisterNames& one : kRegisters) {
    auto found = std::ranges::find(one.names, text);
    if (found != std::end(one.names) && found != std::end(one.names) - 1) return static_cast<uint8_t>(one.number);
  }
  return std::nullopt;
}

/// A number with a sign, decimal or 0x; moves `text` behind it. Nothing when there is none.
std::optional<int64_t> take_number(std::string_view& text) {
  bool negative = text.starts_with('-');
  std::string_view rest = text.substr(negative || text.starts_with('+') ? 1 : 0);
  bool is_hex = rest.starts_with("0x");
  if (is_hex) rest.remove_prefix(2);
  uint64_t number = 0;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number, is_hex ? 16 : 10);
  if (error != std::errc{}) return std::nullopt;
  text = rest.substr(static_cast<size_t>(end - rest.data()));
  return static_cast<int64_t>(negative ? -number : number);
}

/// "(%rbx,%rax,8)" behind the displacement.
bool take_memory(std::string_view text, inquest_operand& operand) {
  if (!text.starts_with('(') || !text.ends_with(')')) return false;
  text = text.substr(1, text.size() - 2);
  size_t comma = text.find(',');
  auto base = register_number(text.substr(0, comma));  // not %rip: the note does not say of which instruction
  if (!base) return false;
  operand.base = *base;
  if (comma == std::string_view::npos) return true;
  text.remove_prefix(comma + 1);
  comma = text.find(',');
  auto index = register_number(text.substr(0, comma));
  if (!index) return false;
  operand.index = *index;
  operand.scale = 1;
  if (comma == std::string_view::npos) return true;
  text.remove_prefix(comma + 1);
  auto scale = take_number(text);
  bool fits = scale && text.empty() && (*scale == 1 || *scale == 2 || *scale == 4 || *scale == 8);
  if (fits) operand.scale = static_cast<uint8_t>(*scale);
  return fits;
}

std::string_view take_text(std::string_view& bytes) {
  size_t end = bytes.find('\0');
  if (end == std::string_view::npos) return {};
  std::string_view text = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  return text;
}

}  // namespace

std::optional<inquest_operand> parse_operand(std::string_view word) {
  inquest_operand operand = {};
  size_t at = word.find('@');
  int64_t size = 8;
  if (at != std::string_view::npos) {
    std::string_view head = word.substr(0, at);
    auto number = take_number(head);
    if (!number || !head.empty()) return std::nullopt;  // "8f@": a floating point number
    size = *number;
    word.remove_prefix(at + 1);
  }
  uint64_t bytes = static_cast<uint64_t>(size < 0 ? -size : size);
  if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) return std::nullopt;
  operand.size = static_cast<uint8_t>(bytes);
  operand.is_signed = size < 0;
  if (word.starts_with('$')) {
    word.remove_prefix(1);
    auto value = take_number(word);
    if (!value || !word.empty()) return std::nullopt;
    operand.kind = INQUEST_CONSTANT;
    operand.value = *value;
    return operand;
  }
  if (auto number = register_number(word)) {
    operand.kind = INQUEST_REGISTER;
    operand.base = *number;
    return operand;
  }
  operand.kind = INQUEST_MEMORY;
  if (!word.starts_with('(')) {
    auto displacement = take_number(word);
    if (!displacement) return std::nullopt;  // a symbol
    operand.value = *displacement;
  }
  if (!take_memory(word, operand)) return std::nullopt;
  return operand;
}

std::vector<inquest_operand> parse_operands(std::string_view arguments) {
  std::vector<inquest_operand> operands;
  while (operands.size() < INQUEST_MAX_OPERANDS) {
    while (arguments.starts_with(' ')) arguments.remove_prefix(1);
    if (arguments.empty()) break;
    std::string_view word = arguments.substr(0, arguments.find(' '));
    arguments.remove_prefix(word.size());
    auto operand = parse_operand(word);
    if (!operand) break;
    operands.push_back(*operand);
  }
  return operands;
}

std::vector<UsdtProbe> usdt_probes(const elf::ElfImage& image) {
  std::vector<UsdtProbe> probes;
  const elf::ElfSection* notes = image.section(".note.stapsdt");
  if (notes == nullptr) return probes;
  const elf::ElfSection* base = image.section(".stapsdt.base");
  elf::for_each_note(notes->bytes, 4, [&](uint32_t type, std::string_view owner, elf::Bytes content) {
    bool is_usdt = type == kUsdtNote && owner.substr(0, owner.find('\0')) == "stapsdt";
    auto location = elf::load<uint64_t>(content, 0), linked = elf::load<uint64_t>(content, 8);
    auto semaphore = elf::load<uint64_t>(content, 16);
    if (!is_usdt || !location || !linked || !semaphore || probes.size() >= kMaxProbes) return;
    uint64_t moved = base != nullptr && *linked != 0 ? base->header.sh_addr - *linked : 0;
    std::string_view texts(reinterpret_cast<const char*>(content.data()) + 24, content.size() - 24);
    UsdtProbe probe;
    probe.provider = take_text(texts);
    probe.name = take_text(texts);
    probe.arguments = take_text(texts);
    probe.location = *location + moved;
    if (*semaphore != 0) probe.semaphore = *semaphore + moved;
    if (!probe.provider.empty() && !probe.name.empty()) probes.push_back(std::move(probe));
  });
  return probes;
}

}  // namespace inquest::probes
