// Reading the memory of the process under examination: a core file, a live process, or a test's fake.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "postmortem/model/address.h"

namespace inquest {

/// Why bytes could not be had. Users act differently on each, so they are never folded into one.
enum class FaultCause : uint8_t {
  kUnmapped,      ///< the process had nothing mapped there
  kNotInDump,     ///< mapped, but the kernel's core filter left it out
  kTruncated,     ///< the core file ends before these bytes
  kFileMissing,   ///< belongs to a mapped file that is not on this machine
  kFileMismatch,  ///< the mapped file on this machine is another build (build-id differs)
};
const char* to_string(FaultCause cause);

struct ReadFault {
  Address address;  ///< first byte that could not be read
  uint64_t size = 0;
  FaultCause cause = FaultCause::kUnmapped;
};

/// One mapping of the process, in address order, never overlapping.
struct MemoryRegion {
  Address start;
  uint64_t size = 0;       ///< bytes mapped
  uint64_t available = 0;  ///< leading bytes that `view` can give (from the core or from the mapped file)
  bool readable = false;
  bool writable = false;
  bool executable = false;
  bool from_file = false;                       ///< the bytes come from the mapped file, not from the core
  std::string path;                             ///< mapped file as the process knew it, empty for anonymous memory
  uint64_t file_offset = 0;                     ///< of `start` in that file
  FaultCause missing = FaultCause::kNotInDump;  ///< why bytes from `available` on cannot be had

  Address end() const { return start + size; }
  bool contains(Address address) const { return address - start < size; }
};

/// A run of bytes worth reading: the part of a region that is not a hole of a sparse core (holes read as zeros).
struct DataExtent {
  Address start;
  uint64_t size = 0;
};

class MemoryReader {
 public:
  virtual ~MemoryReader() = default;

  /// A stable view of the readable bytes from `address` on, at most `limit`, shorter where readable memory ends;
  /// empty when not even one byte can be read. It stays valid as long as the reader. Thread-safe.
  virtual std::span<const std::byte> view(Address address, uint64_t limit) const = 0;

  /// Every mapping of the process, sorted by address.
  virtual const std::vector<MemoryRegion>& regions() const = 0;

  /// The parts of [start, start+size) that may hold non-zero bytes. The default gives the readable parts whole.
  virtual std::vector<DataExtent> data_extents(Address start, uint64_t size) const;

  /// The region that holds `address`, or nullptr.
  const MemoryRegion* region_of(Address address) const;

  /// Why `address` cannot be read (call after `view` gave too little).
  ReadFault fault_at(Address address, uint64_t size) const;

  /// Copies exactly `out.size()` bytes; a fault otherwise. May cross regions.
  [[nodiscard]] std::optional<ReadFault> read(Address address, std::span<std::byte> out) const;

  /// One trivially copyable value (unaligned addresses are fine), or nothing.
  template <class T>
  std::optional<T> read_value(Address address) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    auto bytes = view(address, sizeof(T));
    if (bytes.size() == sizeof(T)) {
      std::memcpy(&value, bytes.data(), sizeof(T));
      return value;
    }
    if (read(address, std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
    return value;
  }
  std::optional<uint64_t> read_u64(Address address) const { return read_value<uint64_t>(address); }
  std::optional<Address> read_pointer(Address address) const {
    if (auto value = read_u64(address)) return Address(*value);
    return std::nullopt;
  }
  /// A NUL-terminated string, at most `limit` bytes (without the NUL); nothing when unreadable or unterminated.
  std::optional<std::string> read_c_string(Address address, size_t limit = 4096) const;
};

}  // namespace inquest
