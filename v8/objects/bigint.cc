#include "v8/objects/bigint.h"

#include <algorithm>

namespace inquest::v8 {

/// BigInt::bitfield (src/objects/bigint.h, 7.4 to 14.6): bit 0 sign, then 30 bits of length. The digits follow.
BigInt read_bigint(const ObjectReader& objects, uint64_t word, uint64_t most_digits) {
  uint64_t header = objects.field(word, 8);
  BigInt bigint;
  bigint.count = static_cast<uint32_t>(header) >> 1 & 0x3fffffff;
  bigint.negative = (header & 1) != 0;
  for (uint64_t i = 0; i < std::min(bigint.count, most_digits); ++i)
    bigint.digits.push_back(objects.field(word, 16 + 8 * i));
  return bigint;
}

}  // namespace inquest::v8
