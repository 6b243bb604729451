// Where a function begins and ends, from the module's own .eh_frame_hdr in memory: known for stripped code as well.
#pragma once

#include <optional>

#include "postmortem/model/address.h"
#include "postmortem/model/memory_reader.h"
#include "postmortem/model/target.h"

namespace inquest::crash {

struct CodeRange {
  Address start;
  Address end;
  bool contains(Address address) const { return address >= start && address < end; }
};

/// The range of the call frame information entry that covers `address`. For a function that the compiler split, the
/// part that holds the address.
std::optional<CodeRange> frame_entry_range(const MemoryReader& memory, const Module& module, Address address);

}  // namespace inquest::crash
