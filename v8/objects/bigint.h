// A BigInt as it lies in the heap.
#pragma once

#include <cstdint>
#include <vector>

#include "v8/objects/object_reader.h"

namespace inquest::v8 {

/// BigInt::bitfield (src/objects/bigint.h, 7.4 to 14.6), the word behind the map: bit 0 sign, then 30 bits of length.
struct BigIntHeader {
  explicit BigIntHeader(uint64_t word) : count(static_cast<uint32_t>(word) >> 1 & 0x3fffffff), negative(word & 1) {}

  uint64_t count;  ///< of digits of 64 bits, which follow from offset 16 on, the lowest first
  bool negative;
};

struct BigInt {
  std::vector<uint64_t> digits;  ///< the lowest first, as many as were asked for
  uint64_t count = 0;            ///< of all digits
  bool negative = false;
};

/// `word`: a tagged BigInt. Digits that are not in the core are 0.
BigInt read_bigint(const ObjectReader& objects, uint64_t word, uint64_t most_digits);

}  // namespace inquest::v8
