// What lies in a member of an object, before anybody has made text of it.
#pragma once

#include <cstdint>

namespace inquest::v8 {

/// A member's value, unread as far as possible.
struct Member {
  enum class Kind : uint8_t {
    kMissing,  ///< there is no such member
    kUndefined,
    kNull,
    kBoolean,
    kNumber,  ///< `number`; BigInts too, rounded
    kString,
    kOther,     ///< an object, a symbol
    kComputed,  ///< a getter would have to run
  };
  Kind kind = Kind::kMissing;
  double number = 0;        ///< of booleans 0 or 1
  uint64_t word = 0;        ///< tagged; 0 for numbers that are not boxed
  bool is_big_int = false;  ///< `number` is not all of it
};

}  // namespace inquest::v8
