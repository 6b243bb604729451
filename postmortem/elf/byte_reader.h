// Sequential reads from DWARF sections. A read past the end, or a LEB128 number of more than 64 bits, gives 0 and makes
// the reader fail for good, so callers check once per record and not once per field.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "postmortem/elf/byte_view.h"

namespace inquest::elf {

class ByteReader {
 public:
  ByteReader() = default;
  explicit ByteReader(Bytes bytes, uint64_t offset = 0)
      : begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()) {
    seek(offset);
  }

  bool ok() const { return ok_; }
  bool at_end() const { return at_ >= end_; }
  uint64_t offset() const { return static_cast<uint64_t>(at_ - begin_); }
  uint64_t left() const { return static_cast<uint64_t>(end_ - at_); }
  const std::byte* position() const { return at_; }

  void fail() {
    ok_ = false;
    at_ = end_;
  }
  void seek(uint64_t offset) {
    if (offset > static_cast<uint64_t>(end_ - begin_))
      fail();
    else
      at_ = begin_ + offset;
  }
  void skip(uint64_t bytes) {
    if (bytes > left())
      fail();
    else
      at_ += bytes;
  }

  template <class T>
  T fixed() {
    if (left() < sizeof(T)) {
      fail();
      return 0;
    }
    T value;
    std::memcpy(&value, at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  uint8_t u8() { return fixed<uint8_t>(); }
  uint16_t u16() { return fixed<uint16_t>(); }
  uint32_t u32() { return fixed<uint32_t>(); }
  uint64_t u64() { return fixed<uint64_t>(); }
  uint32_t u24() {
    uint32_t low = u16();
    return low | uint32_t{u8()} << 16;
  }
  /// An unsigned number of 1 to 8 bytes, as addresses and offsets have them.
  uint64_t sized(unsigned bytes) {
    switch (bytes) {
      case 8: return u64();
      case 4: return u32();
      case 2: return u16();
      case 1: return u8();
      default: fail(); return 0;
    }
  }
  uint64_t uleb() {
    if (at_ < end_ && std::to_integer<uint8_t>(*at_) < 0x80) return std::to_integer<uint8_t>(*at_++);
    uint64_t value = 0;
    for (unsigned shift = 0; at_ < end_; shift += 7) {
      uint64_t byte = std::to_integer<uint8_t>(*at_++);
      uint64_t bits = byte & 0x7f;
      if (shift >= 64 ? bits != 0 : (bits << shift) >> shift != bits) break;
      if (shift < 64) value |= bits << shift;
      if (byte < 0x80) return value;
    }
    fail();
    return 0;
  }
  int64_t sleb() {
    if (at_ < end_ && std::to_integer<uint8_t>(*at_) < 0x80) {
      int byte = std::to_integer<uint8_t>(*at_++);
      return byte < 0x40 ? byte : byte - 0x80;
    }
    uint64_t value = 0;
    for (unsigned shift = 0; at_ < end_; shift += 7) {
      uint64_t byte = std::to_integer<uint8_t>(*at_++);
      if (shift < 64) value |= (byte & 0x7f) << shift;
      // Padding beyond 64 bits must repeat the sign.
      if (shift >= 63 && (byte & 0x7f) != 0 && (byte & 0x7f) != 0x7f && shift != 63) break;
      if (byte < 0x80) {
        if (shift + 7 < 64 && (byte & 0x40) != 0) value |= ~uint64_t{0} << (shift + 7);
        return static_cast<int64_t>(value);
      }
    }
    fail();
    return 0;
  }
  void skip_leb() {
    while (at_ < end_)
      if (std::to_integer<uint8_t>(*at_++) < 0x80) return;
    fail();
  }
  std::string_view c_string() {
    const void* nul = at_ < end_ ? std::memchr(at_, 0, left()) : nullptr;
    if (!nul) {
      fail();
      return {};
    }
    std::string_view text(reinterpret_cast<const char*>(at_),
                          static_cast<size_t>(static_cast<const std::byte*>(nul) - at_));
    at_ += text.size() + 1;
    return text;
  }
  /// The next `size` bytes.
  Bytes block(uint64_t size) {
    const std::byte* begin = at_;
    skip(size);
    return ok_ ? Bytes(begin, static_cast<size_t>(size)) : Bytes();
  }

  /// unit_length (DWARF 5, 7.4): sets `offset_size` to 8 when it is the 64-bit format, and gives the length of what
  /// follows, cut at the end of the section.
  uint64_t initial_length(uint8_t* offset_size) {
    uint64_t length = u32();
    *offset_size = 4;
    if (length == 0xffffffff) {
      length = u64();
      *offset_size = 8;
    } else if (length >= 0xfffffff0) {  // reserved
      fail();
    }
    return length < left() ? length : left();
  }

 private:
  const std::byte* begin_ = nullptr;
  const std::byte* at_ = nullptr;
  const std::byte* end_ = nullptr;
  bool ok_ = true;
};

}  // namespace inquest::elf
