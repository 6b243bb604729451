// A regular expression over texts of the heap.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "postmortem/model/result.h"

namespace inquest::v8 {

/// ECMAScript syntax over UTF-8: outside of literal text a character beyond ASCII counts as its bytes. Time grows with
/// the product of text and pattern, whatever they are, and no stack is used per character; back references are not
/// there for that. Not thread-safe to move, safe to match by several threads.
class TextPattern {
 public:
  /// A mistake in it is a usage error.
  static Result<TextPattern> parse(std::string_view source, bool ignore_case = false);

  /// Whether it matches anywhere in `text`.
  bool matches(std::string_view text) const;

  const std::string& source() const { return source_; }

 private:
  std::string source_;
  std::string needed_;    ///< literal text that every match contains; may be empty
  bool literal_ = false;  ///< `needed_` is all there is to it
  struct Compiled;        // keeps <regex> out of every file that includes this one
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace inquest::v8
