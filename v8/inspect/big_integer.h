// Large integers as decimal text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace inquest::v8 {

/// `digits`: 64 bits each, the lowest first. Time grows with the square of their number.
std::string decimal(std::vector<uint64_t> digits, bool negative);

}  // namespace inquest::v8
