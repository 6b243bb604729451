// Little-endian fields of call frame information, read one after the other from bytes of unknown honesty.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "postmortem/elf/byte_view.h"

namespace inquest::unwind {

using elf::Bytes;

/// A cursor that remembers whether it ever ran over the end; everything read after that is zero.
class CfiReader {
 public:
  explicit CfiReader(Bytes bytes, uint64_t offset = 0) : bytes_(bytes), offset_(offset) {
    if (offset > bytes.size()) fail();
  }

  bool ok() const { return ok_; }
  bool at_end() const { return offset_ >= bytes_.size(); }
  uint64_t offset() const { return offset_; }

  template <class T>
  T fixed() {
    auto value = elf::load<T>(bytes_, offset_);
    if (!value) {
      fail();
      return {};
    }
    offset_ += sizeof(T);
    return *value;
  }
  uint64_t uleb() {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      auto byte = fixed<uint8_t>();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (!(byte & 0x80) || !ok_) return value;
    }
  }
  int64_t sleb() {
    uint64_t value = 0;
    for (unsigned shift = 0;;) {
      auto byte = fixed<uint8_t>();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      shift += 7;
      if (byte & 0x80 && ok_) continue;
      if (shift < 64 && byte & 0x40) value |= ~uint64_t{0} << shift;
      return static_cast<int64_t>(value);
    }
  }
  std::string_view string() {
    std::string_view text = elf::c_string(bytes_, offset_);
    if (offset_ + text.size() >= bytes_.size()) fail();
    offset_ += text.size() + 1;
    return text;
  }
  Bytes take(uint64_t size) {
    if (offset_ > bytes_.size() || bytes_.size() - offset_ < size) {
      fail();
      return {};
    }
    Bytes result = bytes_.subspan(offset_, size);
    offset_ += size;
    return result;
  }
  Bytes rest() { return take(bytes_.size() - offset_); }
  /// Moves by a signed distance, as branches in expressions do.
  void jump(int64_t distance) {
    offset_ += static_cast<uint64_t>(distance);
    if (offset_ > bytes_.size()) fail();
  }

 private:
  void fail() {
    ok_ = false;
    offset_ = bytes_.size();
  }

  Bytes bytes_;
  uint64_t offset_;
  bool ok_ = true;
};

}  // namespace inquest::unwind
