// A regular expression over texts of the heap.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "postmortem/model/result.h"
#include "v8/graph/text_pattern.h"

namespace inquest::v8 {

/// The syntax of TextPattern: Perl's, near to JavaScript's. May be copied, and be used by several threads.
class Regex {
 public:
  /// At most 1,000 bytes. A mistake in it is a usage error.
  static Result<Regex> parse(std::string_view source, bool ignore_case = false);

  /// Whether it matches anywhere in `text`, which is UTF-8 or UTF-16.
  bool matches(std::string_view text) const;
  bool matches(std::u16string_view text) const;
  /// For one thread that matches much, and texts where they lie. This must outlive it; what it gives up on is not in
  /// given_up().
  TextPattern::Matcher matcher() const;
  /// Texts that were given up on because it tried too many ways.
  uint64_t given_up() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace inquest::v8
