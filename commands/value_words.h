// Numbers as they are typed.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace inquest::commands {

/// A number as JavaScript writes it: 12, -0.5, 1e21, NaN, Infinity.
std::optional<double> parse_number(std::string_view text);

}  // namespace inquest::commands
