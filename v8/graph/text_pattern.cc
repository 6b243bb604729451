#define PCRE2_CODE_UNIT_WIDTH 16
#include "v8/graph/text_pattern.h"

#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace inquest::v8 {
namespace {

constexpr uint32_t kMatchLimit = 10000000;  ///< steps of backtracking in one string
constexpr size_t kJitStackFirst = 32 << 10, kJitStackMost = 32 << 20;

const std::byte* find_bytes(const std::byte* text, size_t size, const void* part, size_t part_size) {
  return static_cast<const std::byte*>(memmem(text, size, part, part_size));
}

uint32_t flag_of(char flag) {
  switch (flag) {
    case 'i': return PCRE2_CASELESS;
    case 'm': return PCRE2_MULTILINE;
    case 's': return PCRE2_DOTALL;
    default: return 0;
  }
}

/// Takes "/text/flags" apart; true when the text had that form.
bool split_flags(std::string_view text, std::string_view& pattern, uint32_t& flags) {
  size_t end = text.rfind('/');
  if (!text.starts_with('/') || end == 0 || end == text.npos) return false;
  uint32_t given = 0;
  for (char flag : text.substr(end + 1)) {
    if (flag != 'g' && flag_of(flag) == 0) return false;
    given |= flag_of(flag);
  }
  pattern = text.substr(1, end - 1);
  flags = given;
  return true;
}

std::string message_of(int code) {
  std::array<PCRE2_UCHAR16, 256> buffer{};
  int length = pcre2_get_error_message_16(code, buffer.data(), buffer.size());
  std::string message;
  for (int i = 0; i < length; ++i) message += static_cast<char>(buffer[static_cast<size_t>(i)]);
  return message;
}

}  // namespace

void TextPattern::set_text(std::string_view text) {
  wide_ = to_utf16(text);
  has_narrow_ = std::ranges::all_of(wide_, [](char16_t unit) { return unit < 256; });
  for (char16_t unit : wide_) narrow_ += static_cast<char>(unit);
}

std::optional<Error> TextPattern::compile(std::string_view shown, uint32_t flags) {
  int error = 0;
  PCRE2_SIZE place = 0;
  // Escapes and unset groups as in JavaScript; \C could cut a character in two.
  uint32_t options = flags | PCRE2_ALT_BSUX | PCRE2_MATCH_UNSET_BACKREF | PCRE2_DOLLAR_ENDONLY |
                     PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_UTF_CHECK;
  auto* code =
      pcre2_compile_16(reinterpret_cast<PCRE2_SPTR16>(wide_.data()), wide_.size(), options, &error, &place, nullptr);
  if (code == nullptr) {
    return usage_error("'" + std::string(shown) + "' is no regular expression: " + message_of(error) +
                           " at character " + std::to_string(place + 1),
                       "the syntax is that of Perl, near to JavaScript's");
  }
  pcre2_jit_compile_16(code, PCRE2_JIT_COMPLETE);  // where it does not work, matching is slower
  code_ = std::shared_ptr<void>(code, [](void* it) { pcre2_code_free_16(static_cast<pcre2_code_16*>(it)); });
  return std::nullopt;
}

Result<TextPattern> TextPattern::make(ReferenceQuery::By by, const std::string& text) {
  TextPattern pattern;
  pattern.by_ = by;
  std::string_view source = text;
  uint32_t flags = 0;
  bool is_regex = by == ReferenceQuery::By::kRegex;
  if (is_regex) split_flags(text, source, flags);
  pattern.set_text(source);
  if (auto failed = is_regex ? pattern.compile(text, flags) : std::nullopt) return *failed;
  return pattern;
}

Result<TextPattern> TextPattern::regex(const std::string& source, bool ignore_case) {
  TextPattern pattern;
  pattern.by_ = ReferenceQuery::By::kRegex;
  pattern.set_text(source);
  if (auto failed = pattern.compile(source, ignore_case ? PCRE2_CASELESS : 0)) return *failed;
  return pattern;
}

struct TextPattern::Matcher::Work {
  pcre2_match_data_16* data = nullptr;
  pcre2_match_context_16* context = nullptr;
  pcre2_jit_stack_16* stack = nullptr;
  std::vector<uint16_t> wide;

  explicit Work(const pcre2_code_16* code)
      : data(pcre2_match_data_create_from_pattern_16(code, nullptr)),
        context(pcre2_match_context_create_16(nullptr)),
        stack(pcre2_jit_stack_create_16(kJitStackFirst, kJitStackMost, nullptr)) {
    if (context == nullptr) return;
    pcre2_set_match_limit_16(context, kMatchLimit);
    if (stack != nullptr) pcre2_jit_stack_assign_16(context, nullptr, stack);
  }
  ~Work() {
    pcre2_match_data_free_16(data);
    pcre2_match_context_free_16(context);
    pcre2_jit_stack_free_16(stack);
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
};

TextPattern::Matcher::Matcher(const TextPattern& pattern) : pattern_(&pattern) {
  if (pattern.code_) work_ = std::make_unique<Work>(static_cast<const pcre2_code_16*>(pattern.code_.get()));
}
TextPattern::Matcher::~Matcher() = default;
TextPattern::Matcher::Matcher(Matcher&&) noexcept = default;

bool TextPattern::Matcher::matches(const Characters& text) {
  switch (pattern_->by_) {
    case ReferenceQuery::By::kString: return equals(text);
    case ReferenceQuery::By::kSubstring: return contains(text);
    default: return regex_matches(text);
  }
}

bool TextPattern::Matcher::equals(const Characters& text) const {
  const TextPattern& pattern = *pattern_;
  if (text.units != pattern.wide_.size()) return false;
  if (text.units == 0) return true;
  if (!text.one_byte) return std::memcmp(text.data, pattern.wide_.data(), 2 * text.units) == 0;
  return pattern.has_narrow_ && std::memcmp(text.data, pattern.narrow_.data(), text.units) == 0;
}

bool TextPattern::Matcher::contains(const Characters& text) const {
  const TextPattern& pattern = *pattern_;
  if (pattern.wide_.empty()) return true;
  if (text.units < pattern.wide_.size()) return false;
  if (text.one_byte) {
    return pattern.has_narrow_ &&
           find_bytes(text.data, text.units, pattern.narrow_.data(), pattern.narrow_.size()) != nullptr;
  }
  const std::byte* at = text.data;
  const std::byte* end = text.data + 2 * text.units;
  while (at < end) {
    at = find_bytes(at, static_cast<size_t>(end - at), pattern.wide_.data(), 2 * pattern.wide_.size());
    if (at == nullptr) return false;
    if ((at - text.data) % 2 == 0) return true;
    ++at;  // between two characters
  }
  return false;
}

bool TextPattern::Matcher::regex_matches(const Characters& text) {
  if (work_->data == nullptr || work_->context == nullptr) return false;
  const auto* subject = reinterpret_cast<PCRE2_SPTR16>(text.data);
  if (text.one_byte || reinterpret_cast<uintptr_t>(text.data) % 2 != 0) {
    work_->wide.resize(std::max<size_t>(text.units, 1));
    if (text.one_byte) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(text.data);
      std::copy(bytes, bytes + text.units, work_->wide.begin());
    } else {
      std::memcpy(work_->wide.data(), text.data, 2 * text.units);
    }
    subject = work_->wide.data();
  }
  int found = pcre2_match_16(static_cast<const pcre2_code_16*>(pattern_->code_.get()), subject, text.units, 0,
                             PCRE2_NO_UTF_CHECK, work_->data, work_->context);
  if (found < 0 && found != PCRE2_ERROR_NOMATCH) ++given_up_;
  return found >= 0;
}

}  // namespace inquest::v8
