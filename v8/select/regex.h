// A regular expression over texts of the heap.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "postmortem/model/result.h"
#include "v8/graph/text_pattern.h"
#include "v8/objects/object_reader.h"

namespace inquest::v8 {

/// The syntax of TextPattern: Perl's, near to JavaScript's. May be copied.
class Regex {
 public:
  /// At most 1,000 bytes. A mistake in it is a usage error.
  static Result<Regex> parse(std::string_view source, bool ignore_case = false);

  /// Whether it matches anywhere in `text`, which is UTF-8.
  bool matches(std::string_view text) const;

 private:
  friend class StringMatcher;
  std::shared_ptr<const TextPattern> pattern_;
};

/// For one thread, and for strings where they lie. The expression must outlive it.
class StringMatcher {
 public:
  explicit StringMatcher(const Regex& pattern);

  /// Whether it matches anywhere in a string (tagged).
  bool matches(const ObjectReader& objects, uint64_t word);
  /// How many strings it gave up on: it tried too many ways, or the string is in pieces and too long to put together.
  uint64_t not_matched() const { return too_long_ + matcher_.given_up(); }

 private:
  TextPattern::Matcher matcher_;
  uint64_t too_long_ = 0;
};

}  // namespace inquest::v8
