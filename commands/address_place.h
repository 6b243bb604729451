// What lies at an address of the process outside of V8's heap: file and symbol, stack, guard page, block of malloc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "commands/json_writer.h"
#include "commands/session.h"

namespace inquest::commands {

struct AddressPlace {
  /// "code", "data", "stack", "guard", "malloc", "reserved", "anonymous", "file", "unmapped", "null", "non-canonical".
  std::string_view kind;
  std::string text;                ///< one line: the kind with what is known of it
  std::vector<std::string> lines;  ///< further facts, one each

  // For JSON; absent ones are empty, null or nothing.
  std::string file, permissions, build_id, symbol, source_file, frame_function;
  Address start, end;  ///< of the mapping
  std::optional<uint64_t> file_offset;
  std::optional<uint64_t> symbol_offset;
  uint32_t source_line = 0;
  std::optional<uint64_t> tid;
  std::optional<size_t> frame;
  std::string arena;  ///< "main", "thread", "mapped"
  Address block;
  uint64_t block_size = 0;
  std::optional<bool> block_free;
  std::string below, above;  ///< the nearest mappings
  std::optional<uint64_t> below_distance, above_distance;

  void write(JsonWriter& json) const;
};

/// `runtime` may be null. `outside`: the address is not in V8's heap, whose memory needs no further words.
AddressPlace place_of(Session& session, v8::Runtime* runtime, Address address, bool outside);

}  // namespace inquest::commands
