#include "v8/select/regex.h"

#include <fmt/format.h>

#include "v8/objects/string_text.h"

namespace inquest::v8 {
namespace {
constexpr size_t kMaxPattern = 1000;      ///< bytes
constexpr uint64_t kMaxPieces = 1 << 24;  ///< UTF-16 units of a string that is in pieces

Characters characters(std::u16string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size(), false};
}
}  // namespace

Result<Regex> Regex::parse(std::string_view source, bool ignore_case) {
  if (source.size() > kMaxPattern) {
    return usage_error(fmt::format("the regular expression is longer than {} characters", kMaxPattern));
  }
  auto pattern = TextPattern::regex(std::string(source), ignore_case);
  if (!pattern) return std::move(pattern).error();
  Regex regex;
  regex.pattern_ = std::make_shared<const TextPattern>(std::move(pattern).value());
  return regex;
}

bool Regex::matches(std::string_view text) const {
  std::u16string units = to_utf16(text);
  return TextPattern::Matcher(*pattern_).matches(characters(units));
}

StringMatcher::StringMatcher(const Regex& pattern) : matcher_(*pattern.pattern_) {}

bool StringMatcher::matches(const ObjectReader& objects, uint64_t word) {
  uint64_t length = objects.string_length(word).value_or(0);
  if (auto flat = flat_text(objects, word, 0, length)) return matcher_.matches(*flat);
  if (length > kMaxPieces) {
    ++too_long_;
    return false;
  }
  std::u16string whole = objects.utf16(word, length);
  return matcher_.matches(characters(whole));
}

}  // namespace inquest::v8
