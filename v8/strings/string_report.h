// Strings by their text: which are there more than once, which are long. The answer of `v8 strings`, as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/model/address.h"
#include "v8/select/regex.h"

namespace inquest::v8 {

struct StringOptions {
  enum class Sort : uint8_t { kWasted, kCount, kSize, kLength };
  Sort sort = Sort::kWasted;
  bool single = false;           ///< texts that are there once, too
  std::optional<Regex> pattern;  ///< only texts that it matches
  uint64_t min_length = 0;       ///< UTF-16 units
  uint64_t limit = 0;            ///< rows; 0: all
  uint64_t max_text = 16;        ///< UTF-16 units of StringRow::text
};

/// All strings with one text in one isolate.
struct StringRow {
  std::string text;  ///< UTF-8, cut to max_text units
  bool cut = false;
  uint64_t length = 0;  ///< UTF-16 units
  uint64_t count = 0;
  uint64_t size = 0;    ///< bytes of all of them, characters outside of the heap included
  uint64_t wasted = 0;  ///< bytes that one string instead of all of them would save
  uint32_t isolate = 0;
  Address sample;                                                   ///< tagged; the lowest
  uint64_t flat = 0, cons = 0, sliced = 0, thin = 0, external = 0;  ///< how many are of which kind
};

struct StringReport {
  std::vector<StringRow> rows;  ///< the first by the order asked for first
  uint64_t chosen = 0;          ///< rows there would be without the limit
  uint64_t strings = 0;         ///< all that were asked for, whatever their text
  uint64_t size = 0;            ///< bytes of these
  uint64_t duplicated = 0;      ///< texts that are there more than once
  uint64_t wasted = 0;          ///< bytes, of all duplicated texts
  uint64_t not_compared = 0;    ///< cons and sliced strings too long to be put together each by itself
  uint64_t unreadable = 0;      ///< whose characters are not in the core
  uint64_t not_matched = 0;     ///< texts on which the pattern was given up
};

}  // namespace inquest::v8
