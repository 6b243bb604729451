// Memory that is read on demand, of which large parts are looked at without being read whole.
#pragma once

#include <cstddef>
#include <cstdint>

#include "postmortem/model/address.h"
#include "postmortem/model/earlier_stack.h"
#include "postmortem/model/memory_reader.h"

namespace inquest {

/// Memory of a process that goes on running: it is read in pieces, when they are asked for. Each has a place on our
/// side that it keeps; what is there is what it was when it was read, and is read anew after a refresh. Not
/// thread-safe. An ability that some MemoryReaders have.
class LazyMemory : public EarlierStack {
 public:
  /// Where [start, start + size) is once it has been loaded; null when there is no room for so much.
  virtual const std::byte* place_of(Address start, uint64_t size) const = 0;
  /// Reads what of [start, start + size) has not been read since the last refresh. False when some of it cannot be
  /// read.
  virtual bool load(Address start, uint64_t size) const = 0;
  /// Counts refreshes.
  virtual uint64_t generation() const = 0;
};

/// Null where all of the memory is at hand (a core).
inline const LazyMemory* lazy_memory(const MemoryReader& memory) { return dynamic_cast<const LazyMemory*>(&memory); }

}  // namespace inquest
