// Values as they are typed: addresses and numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace inquest::commands {

/// A hexadecimal number with 0x; or a decimal one that is too large for an array index, and so hardly a number that is
/// looked for. Nothing for anything else.
std::optional<uint64_t> parse_value_address(std::string_view text);

/// A number as JavaScript writes it: 12, -0.5, 1e21, NaN, Infinity.
std::optional<double> parse_number(std::string_view text);

}  // namespace inquest::commands
