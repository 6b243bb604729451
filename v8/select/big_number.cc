#include "v8/select/big_number.h"

#include <cmath>
#include <utility>

#include "v8/objects/bigint.h"

namespace inquest::v8 {
namespace {

constexpr size_t kMostDigits = 2000;  ///< of a text
constexpr uint64_t kMostWords = 16;   ///< of a BigInt

}  // namespace

double BigNumber::value() const {
  double sum = 0;
  for (size_t i = digits.size(); i-- > 0;) sum = std::ldexp(sum, 64) + static_cast<double>(digits[i]);
  return negative ? -sum : sum;
}

std::strong_ordering BigNumber::operator<=>(const BigNumber& other) const {
  bool below = negative && !digits.empty(), other_below = other.negative && !other.digits.empty();
  if (below != other_below) return below ? std::strong_ordering::less : std::strong_ordering::greater;
  std::strong_ordering order = digits.size() <=> other.digits.size();
  for (size_t i = digits.size(); order == 0 && i-- > 0;) order = digits[i] <=> other.digits[i];
  return below ? 0 <=> order : order;
}

std::optional<BigNumber> parse_big_number(std::string_view text, unsigned base) {
  if (text.empty() || text.size() > kMostDigits) return std::nullopt;
  BigNumber number;
  for (char c : text) {
    unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                     : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                     : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10
                                            : base;
    if (digit >= base) return std::nullopt;
    // In halves, so that nothing is lost.
    uint64_t carry = digit;
    for (uint64_t& word : number.digits) {
      uint64_t low = (word & 0xffffffffu) * base + carry;
      uint64_t high = (word >> 32) * base + (low >> 32);
      word = high << 32 | (low & 0xffffffffu);
      carry = high >> 32;
    }
    if (carry != 0) number.digits.push_back(carry);
  }
  return number;
}

std::optional<BigNumber> big_number(double number) {
  if (!std::isfinite(number) || number != std::trunc(number)) return std::nullopt;
  BigNumber result{.digits = {}, .negative = number < 0};
  int exponent = 0;
  double fraction = std::frexp(std::fabs(number), &exponent);
  if (fraction == 0) return result;
  auto mantissa = static_cast<uint64_t>(std::ldexp(fraction, 53));  // times 2^(exponent - 53)
  int shift = exponent - 53;
  if (shift < 0) {
    result.digits.push_back(mantissa >> -shift);  // an integer: what is shifted out is 0
    return result;
  }
  auto words = static_cast<size_t>(shift / 64);
  auto bits = static_cast<unsigned>(shift % 64);
  result.digits.assign(words, 0);
  result.digits.push_back(mantissa << bits);
  if (bits > 11) result.digits.push_back(mantissa >> (64 - bits));
  return result;
}

std::optional<BigNumber> big_number(const ObjectReader& objects, uint64_t bigint) {
  BigInt parts = read_bigint(objects, bigint, kMostWords);
  if (parts.count > kMostWords) return std::nullopt;
  BigNumber result{.digits = std::move(parts.digits), .negative = parts.negative, .is_bigint = true};
  while (!result.digits.empty() && result.digits.back() == 0) result.digits.pop_back();
  return result;
}

}  // namespace inquest::v8
