#include "v8/select/regex.h"

#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <vector>

namespace inquest::v8 {
namespace {
constexpr size_t kMaxPattern = 1000;  ///< bytes
}  // namespace

/// Each thread takes a matcher, made once, and puts it back.
struct Regex::Shared {
  explicit Shared(TextPattern made) : pattern(std::move(made)) {}

  TextPattern::Matcher take() {
    std::lock_guard lock(mutex);
    if (idle.empty()) return TextPattern::Matcher(pattern);
    TextPattern::Matcher matcher = std::move(idle.back());
    idle.pop_back();
    return matcher;
  }
  void put_back(TextPattern::Matcher matcher) {
    std::lock_guard lock(mutex);
    idle.push_back(std::move(matcher));
  }

  TextPattern pattern;
  std::mutex mutex;
  std::vector<TextPattern::Matcher> idle;
  std::atomic<uint64_t> given_up = 0;
};

Result<Regex> Regex::parse(std::string_view source, bool ignore_case) {
  if (source.size() > kMaxPattern) {
    return usage_error(fmt::format("the regular expression is longer than {} characters", kMaxPattern));
  }
  auto pattern = TextPattern::regex(std::string(source), ignore_case);
  if (!pattern) return std::move(pattern).error();
  Regex regex;
  regex.shared_ = std::make_shared<Shared>(std::move(pattern).value());
  return regex;
}

bool Regex::matches(std::string_view text) const { return matches(to_utf16(text)); }

bool Regex::matches(std::u16string_view text) const {
  TextPattern::Matcher matcher = shared_->take();
  uint64_t before = matcher.given_up();
  bool found = matcher.matches({reinterpret_cast<const std::byte*>(text.data()), text.size(), false});
  shared_->given_up += matcher.given_up() - before;
  shared_->put_back(std::move(matcher));
  return found;
}

TextPattern::Matcher Regex::matcher() const { return TextPattern::Matcher(shared_->pattern); }

uint64_t Regex::given_up() const { return shared_->given_up; }

}  // namespace inquest::v8
