#include "v8/objects/bigint.h"

#include <algorithm>

namespace inquest::v8 {

BigInt read_bigint(const ObjectReader& objects, uint64_t word, uint64_t most_digits) {
  BigIntHeader header(objects.field(word, 8));
  BigInt bigint{.digits = {}, .count = header.count, .negative = header.negative};
  for (uint64_t i = 0; i < std::min(bigint.count, most_digits); ++i)
    bigint.digits.push_back(objects.field(word, 16 + 8 * i));
  return bigint;
}

}  // namespace inquest::v8
