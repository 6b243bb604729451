#include "v8/inspect/numbers.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string_view>

namespace inquest::v8 {

std::string iso_date(double time) {
  constexpr double kMaxTime = 8.64e15;
  if (!(std::fabs(time) <= kMaxTime)) return "Invalid Date";
  using namespace std::chrono;
  sys_time<milliseconds> point{milliseconds(static_cast<int64_t>(time))};
  auto day = floor<days>(point);
  // year_month_day holds years up to 32767 only, so whole cycles of 400 years are taken out first.
  constexpr int64_t kCycle = 146097;
  int64_t number = day.time_since_epoch().count();
  int64_t cycles = number >= 0 ? number / kCycle : -((-number + kCycle - 1) / kCycle);
  year_month_day date{sys_days{days(number - cycles * kCycle)}};
  int64_t year = static_cast<int>(date.year()) + cycles * 400;
  hh_mm_ss clock{point - day};
  std::string text = year >= 0 && year <= 9999 ? fmt::format("{:04}", year)
                                               : fmt::format("{}{:06}", year < 0 ? '-' : '+', std::abs(year));
  return text + fmt::format("-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<unsigned>(date.month()),
                            static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
                            clock.seconds().count(), clock.subseconds().count());
}

double half_float(uint16_t bits) {
  int exponent = bits >> 10 & 31;
  double fraction = bits & 1023;
  double value = exponent == 0    ? std::ldexp(fraction, -24)
                 : exponent == 31 ? (fraction == 0 ? HUGE_VAL : NAN)
                                  : std::ldexp(fraction + 1024, exponent - 25);
  return bits >> 15 ? -value : value;
}

/// ECMA-262 Number::toString: with the digits d1...dk and the exponent n of 0.d1...dk * 10^n.
std::string number_text(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
  if (number == 0) return std::signbit(number) ? "-0" : "0";
  char buffer[32];
  constexpr double kExact = 1e15;  // whole numbers below have all their digits before the point
  if (std::fabs(number) < kExact && number == std::trunc(number)) {
    return {buffer, std::to_chars(buffer, buffer + sizeof buffer, static_cast<int64_t>(number)).ptr};
  }
  auto end = std::to_chars(buffer, buffer + sizeof buffer, std::fabs(number), std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  size_t e = text.find('e');
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  int n = std::atoi(std::string(text.substr(e + 1)).c_str()) + 1, k = static_cast<int>(digits.size());
  std::string result;
  if (k <= n && n <= 21) {
    result = digits + std::string(static_cast<size_t>(n - k), '0');
  } else if (0 < n && n <= 21) {
    result = digits.substr(0, static_cast<size_t>(n)) + "." + digits.substr(static_cast<size_t>(n));
  } else if (-6 < n && n <= 0) {
    result = "0." + std::string(static_cast<size_t>(-n), '0') + digits;
  } else {
    result = digits.substr(0, 1) + (k > 1 ? "." + digits.substr(1) : "") + fmt::format("e{:+}", n - 1);
  }
  return number < 0 ? "-" + result : result;
}

std::optional<uint64_t> array_index(std::string_view text) {
  uint64_t index = 0;
  auto end = std::from_chars(text.data(), text.data() + text.size(), index);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
  return index;
}

}  // namespace inquest::v8
