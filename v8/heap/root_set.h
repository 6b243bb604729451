// A well-known object of V8's in every isolate of the process.
//
// Until 10.1 (Node.js 18.0) each isolate has a read-only space of its own, and in it maps, undefined, the hole and
// symbols that are not those of the main thread; from 10.2 on all share one. The map of External is never shared.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "v8/heap/heap.h"

namespace inquest::v8 {

/// The values of one root, tagged, of all isolates.
class RootSet {
 public:
  RootSet(const Heap& heap, std::string_view name) {
    for (const Isolate& isolate : heap.isolates()) {
      if (uint64_t root = heap.root(name, isolate.index); root != 0) words_.push_back(root);
    }
    std::ranges::sort(words_);
    words_.erase(std::ranges::unique(words_).begin(), words_.end());
  }

  bool contains(uint64_t word) const { return std::ranges::binary_search(words_, word); }

 private:
  std::vector<uint64_t> words_;
};

}  // namespace inquest::v8
