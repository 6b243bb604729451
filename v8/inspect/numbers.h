// Numbers and dates as JavaScript writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace inquest::v8 {

/// Date.prototype.toISOString of a time value (milliseconds since 1970); "Invalid Date" beyond 8.64e15 and for NaN.
std::string iso_date(double time);

/// IEEE 754 binary16.
double half_float(uint16_t bits);

/// Number.prototype.toString: the shortest text that reads back as the same number; "-0" for negative zero, as
/// consoles show it.
std::string number_text(double number);

/// The index that a step of a path is, in decimal digits; nothing for other names.
std::optional<uint64_t> array_index(std::string_view text);

}  // namespace inquest::v8
