#include "v8/inspect/big_integer.h"

#include <fmt/format.h>

namespace inquest::v8 {

std::string decimal(std::vector<uint64_t> digits, bool negative) {
  constexpr uint64_t kBase = 10'000'000'000'000'000'000u;  // 10^19, the largest power that fits
  std::vector<uint64_t> groups;                            // of 19 decimal digits, the lowest first
  while (!digits.empty()) {
    unsigned __int128 rest = 0;
    for (size_t i = digits.size(); i-- > 0;) {
      rest = rest << 64 | digits[i];
      digits[i] = static_cast<uint64_t>(rest / kBase);
      rest %= kBase;
    }
    while (!digits.empty() && digits.back() == 0) digits.pop_back();
    groups.push_back(static_cast<uint64_t>(rest));
  }
  while (groups.size() > 1 && groups.back() == 0) groups.pop_back();
  if (groups.empty()) return "0";
  std::string text = negative ? "-" : "";
  text += fmt::format("{}", groups.back());
  for (size_t i = groups.size() - 1; i-- > 0;) text += fmt::format("{:019}", groups[i]);
  return text;
}

}  // namespace inquest::v8
