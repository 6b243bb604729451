// A BigInt as it lies in the heap.
#pragma once

#include <cstdint>
#include <vector>

#include "v8/objects/object_reader.h"

namespace inquest::v8 {

struct BigInt {
  std::vector<uint64_t> digits;  ///< the lowest first, as many as were asked for
  uint64_t count = 0;            ///< of all digits
  bool negative = false;
};

/// `word`: a tagged BigInt. Digits that are not in the core are 0.
BigInt read_bigint(const ObjectReader& objects, uint64_t word, uint64_t most_digits);

}  // namespace inquest::v8
