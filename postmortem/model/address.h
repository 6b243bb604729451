// A place in the memory of the process under examination.
//
// Never a bare integer: an Address cannot be dereferenced here and does not mix with pointers into our own memory.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace inquest {

class Address {
 public:
  constexpr Address() = default;
  constexpr explicit Address(uint64_t value) : value_(value) {}

  constexpr uint64_t value() const { return value_; }
  constexpr bool is_null() const { return value_ == 0; }

  constexpr auto operator<=>(const Address&) const = default;

  /// Arithmetic wraps modulo 2^64, as addresses found in a damaged core may sit anywhere.
  constexpr Address operator+(uint64_t bytes) const { return Address(value_ + bytes); }
  constexpr Address operator-(uint64_t bytes) const { return Address(value_ - bytes); }
  constexpr uint64_t operator-(Address other) const { return value_ - other.value_; }
  constexpr Address& operator+=(uint64_t bytes) {
    value_ += bytes;
    return *this;
  }

 private:
  uint64_t value_ = 0;
};

}  // namespace inquest

template <>
struct std::hash<inquest::Address> {
  size_t operator()(inquest::Address address) const noexcept { return std::hash<uint64_t>{}(address.value()); }
};
