#include "v8/select/text_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

namespace inquest::v8 {
namespace {

constexpr std::string_view kSpecial = "^$\\.*+?()[]{}|";
constexpr size_t kMaxPattern = 1000;  ///< bytes; automata of the library grow with it

/// The longest run of plain characters that stand outside of groups and are not made optional by what follows.
std::string needed_text(std::string_view source) {
  if (source.find('|') != source.npos) return {};
  std::string best, run;
  auto end_run = [&] {
    if (run.size() > best.size()) best = run;
    run.clear();
  };
  int depth = 0;
  for (size_t i = 0; i < source.size(); ++i) {
    char c = source[i];
    if (c == '\\') {
      end_run();
      ++i;
    } else if (c == '[') {
      end_run();
      for (++i; i < source.size() && source[i] != ']'; ++i) i += source[i] == '\\';
    } else if (c == '(' || c == ')') {
      end_run();
      depth += c == '(' ? 1 : -1;
    } else if (c == '*' || c == '?' || c == '{') {
      // The character before may not be there at all.
      while (!run.empty() && (run.back() & 0xc0) == 0x80) run.pop_back();
      if (!run.empty()) run.pop_back();
      end_run();
      if (c == '{') i = std::min(source.find('}', i), source.size());
    } else if (kSpecial.find(c) != kSpecial.npos) {
      end_run();
    } else if (depth == 0) {
      run += c;
    }
  }
  end_run();
  return best;
}

}  // namespace

struct TextPattern::Compiled {
  std::regex regex;
};

Result<TextPattern> TextPattern::parse(std::string_view source, bool ignore_case) {
  TextPattern pattern;
  pattern.source_ = source;
  if (source.size() > kMaxPattern) {
    return usage_error(fmt::format("the regular expression is longer than {} characters", kMaxPattern));
  }
  pattern.literal_ = !ignore_case && source.find_first_of(kSpecial) == source.npos;
  if (pattern.literal_) {
    pattern.needed_ = source;
    return pattern;
  }
  if (!ignore_case) pattern.needed_ = needed_text(source);
  auto flags = std::regex::ECMAScript | std::regex::optimize | std::regex::nosubs;
#ifdef __GLIBCXX__
  flags |= std::regex_constants::__polynomial;  // the other way recurses once per character
#endif
  if (ignore_case) flags |= std::regex::icase;
  try {
    pattern.compiled_ = std::make_shared<const Compiled>(Compiled{std::regex(pattern.source_, flags)});
  } catch (const std::regex_error& error) {
    return usage_error(fmt::format("'{}' is no regular expression: {}", source, error.what()));
  }
  return pattern;
}

bool TextPattern::matches(std::string_view text) const {
  if (!needed_.empty() && text.find(needed_) == text.npos) return false;
  if (literal_) return true;
  try {
    return std::regex_search(text.begin(), text.end(), compiled_->regex);
  } catch (const std::regex_error&) {
    return false;
  }
}

}  // namespace inquest::v8
