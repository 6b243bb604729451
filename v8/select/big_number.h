// Integers of any size, compared exactly: the double that is near to a BigInt is near to others too.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "v8/objects/object_reader.h"

namespace inquest::v8 {

struct BigNumber {
  std::vector<uint64_t> digits;  ///< of the magnitude, the lowest first, the last one not 0; empty: zero
  bool negative = false;
  bool is_bigint = false;  ///< written with an n: not rounded to a double when it is compared with one

  /// The nearest double.
  double value() const;
  std::strong_ordering operator<=>(const BigNumber& other) const;
  bool operator==(const BigNumber& other) const { return (*this <=> other) == 0; }
};

/// `text`: digits of `base` (2, 8, 10 or 16), at most 2,000 of them; nothing when one is no such digit.
std::optional<BigNumber> parse_big_number(std::string_view text, unsigned base);

/// Nothing for fractions, NaN and infinities.
std::optional<BigNumber> big_number(double number);

/// Of a tagged BigInt; nothing when it has more than 16 digits of 64 bits or is not in the core.
std::optional<BigNumber> big_number(const ObjectReader& objects, uint64_t bigint);

}  // namespace inquest::v8
