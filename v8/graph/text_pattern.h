// What strings are compared with: an exact text, a part, or a regular expression. The characters of V8's strings are
// searched where they lie, one byte each or UTF-16.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "postmortem/model/result.h"
#include "v8/graph/reference_report.h"
#include "v8/objects/string_text.h"

namespace inquest::v8 {

class TextPattern {
 public:
  /// Of kString, kSubstring and kRegex. A regular expression is one of PCRE2 without Unicode mode, which is near to
  /// JavaScript's without the flag u; "/text/i" gives flags (i, m, s). A wrong one is a usage error.
  static Result<TextPattern> make(ReferenceQuery::By by, const std::string& text);
  /// The regular expression itself, without slashes.
  static Result<TextPattern> regex(const std::string& source, bool ignore_case);

  bool is_exact() const { return by_ == ReferenceQuery::By::kString; }
  /// UTF-16 units of the text, for kString and kSubstring.
  size_t units() const { return wide_.size(); }

  /// What one thread needs to match. Regular expressions keep their working memory here.
  class Matcher {
   public:
    explicit Matcher(const TextPattern& pattern);
    ~Matcher();
    Matcher(Matcher&&) noexcept;
    bool matches(const Characters& text);
    /// Strings that were given up on because a regular expression tried too many ways.
    uint64_t given_up() const { return given_up_; }

   private:
    struct Work;
    bool contains(const Characters& text) const;
    bool equals(const Characters& text) const;
    bool regex_matches(const Characters& text);
    const TextPattern* pattern_;
    std::unique_ptr<Work> work_;
    uint64_t given_up_ = 0;
  };

 private:
  TextPattern() = default;
  void set_text(std::string_view text);
  std::optional<Error> compile(std::string_view shown, uint32_t flags);

  ReferenceQuery::By by_ = ReferenceQuery::By::kString;
  std::u16string wide_;
  std::string narrow_;          ///< the same in one byte each
  bool has_narrow_ = true;      ///< all units are below 256
  std::shared_ptr<void> code_;  ///< pcre2_code_16
};

}  // namespace inquest::v8
