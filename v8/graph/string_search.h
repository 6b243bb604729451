// Looks for text in all strings of a heap, on all processors, where the characters lie.
#pragma once

#include <cstdint>
#include <vector>

#include "v8/graph/text_pattern.h"
#include "v8/heap/heap.h"
#include "v8/reachability.h"

namespace inquest::v8 {

struct StringMatches {
  std::vector<uint64_t> words;  ///< tagged, by address
  uint64_t searched_bytes = 0;  ///< of characters
  uint64_t too_long = 0;        ///< strings in pieces that were not put together: too much text in all
  uint64_t unreadable = 0;      ///< strings whose characters are not in the core
  uint64_t given_up = 0;        ///< strings in which a regular expression tried too many ways
};

/// The strings that match. A string made of others (a + b that nobody has read yet) is put together first.
StringMatches find_strings(const Heap& heap, const TextPattern& pattern, Reachability which);

}  // namespace inquest::v8
