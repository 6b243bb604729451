// Bounds-checked reads from bytes of unknown honesty: every offset and size may come from a damaged file.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace inquest::elf {

using Bytes = std::span<const std::byte>;

/// The part of [offset, offset + size) that exists; empty when nothing of it does.
inline Bytes slice(Bytes bytes, uint64_t offset, uint64_t size) {
  if (offset >= bytes.size()) return {};
  return bytes.subspan(offset, std::min<uint64_t>(size, bytes.size() - offset));
}

/// A copy of the T at `offset` (alignment does not matter), or nothing when it is not wholly there.
template <class T>
std::optional<T> load(Bytes bytes, uint64_t offset) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

/// The NUL-terminated string at `offset`; the bytes to the end where the NUL is missing.
inline std::string_view c_string(Bytes bytes, uint64_t offset) {
  if (offset >= bytes.size()) return {};
  const char* begin = reinterpret_cast<const char*>(bytes.data() + offset);
  return {begin, strnlen(begin, bytes.size() - offset)};
}

/// `value` rounded up to a multiple of `alignment`, a power of two; wraps modulo 2^64.
inline constexpr uint64_t round_up(uint64_t value, uint64_t alignment) { return (value + alignment - 1) & -alignment; }

inline constexpr uint64_t kPageSize = 4096;  // x86-64

}  // namespace inquest::elf
