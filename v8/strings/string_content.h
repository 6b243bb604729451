// The characters of a string where they lie.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "v8/objects/object_reader.h"
#include "v8/objects/string_text.h"

namespace inquest::v8 {

/// Text in the one form that is the same for equal texts: a byte for each character if all are below U+0100, two
/// otherwise.
struct StringContent {
  std::string_view bytes;
  bool two_byte = false;
};

/// Reads string after string; a content lives until the next one is read. Not thread-safe.
class StringContents {
 public:
  explicit StringContents(const ObjectReader& objects) : objects_(objects) {}

  /// Cons strings and parts of others are as long as this at most: there may be many that share their characters.
  static constexpr uint32_t kMaxShared = 4096;  ///< UTF-16 units

  enum class Outcome : uint8_t { kRead, kTooLong, kUnreadable };
  Outcome read(uint64_t word, const MapInfo& map, StringContent& content);

 private:
  bool narrow(std::string_view two_bytes);

  const ObjectReader& objects_;
  std::string narrow_;
  std::u16string flat_;
};

/// Bytes of a string: the object and, of external ones, its characters.
uint64_t string_size(const ObjectReader& objects, uint64_t word, const MapInfo& map);

}  // namespace inquest::v8
