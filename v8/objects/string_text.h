// The characters of strings where they lie, and conversions between the forms of text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "v8/objects/object_reader.h"

namespace inquest::v8 {

/// Representation of a string in its instance type (src/objects/instance-type.h, kStringRepresentationMask).
enum class StringKind : uint8_t { kFlat = 0, kCons = 1, kExternal = 2, kSliced = 3, kThin = 5 };
StringKind string_kind(const MapInfo& map);
/// kStringEncodingMask: one byte for each UTF-16 unit, Latin-1.
bool is_one_byte(const MapInfo& map);

/// A stretch of a string. The bytes stay valid as long as the core is open.
struct Characters {
  const std::byte* data = nullptr;
  size_t units = 0;      ///< UTF-16 units
  bool one_byte = true;  ///< Latin-1, else UTF-16
};

/// The units [from, from + count) of a string: behind slices, thin strings and cons strings that have been put together
/// already, also outside of the heap. Nothing when they do not lie in one piece, when
/// there are fewer, or when they are not in the core.
std::optional<Characters> flat_text(const ObjectReader& objects, uint64_t word, uint64_t from, uint64_t count);

/// UTF-8 to UTF-16; bytes that are no UTF-8 become U+FFFD.
std::u16string to_utf16(std::string_view text);

}  // namespace inquest::v8
