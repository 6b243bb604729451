// Handles that no open HandleScope covers any more.
//
// A Local<T> points into a block of 1022 tagged words (HandleScopeImplementer, kHandleBlockSize, src/api/api.h; the
// same from V8 7.4 to 14.6). The isolate keeps where the next handle goes and where the block ends (HandleScopeData,
// src/ handles/handles.h); a scope that closes only moves `next` back, so that everything above it is left over from
// scopes of the past. The implementer lists the blocks in use, the current one last, and keeps one emptied block as a
// spare. None of these fields has a fixed offset over the versions: they are found by what they must point to.
#pragma once

#include <span>
#include <vector>

#include "postmortem/model/memory_reader.h"

namespace inquest::v8 {

/// An Isolate with its IsolateData takes 40 to 60 KB in the versions known; its HandleScopeData lies within.
inline constexpr uint64_t kIsolateStructBytes = 0x12000;

/// Empty where the blocks of this isolate cannot be told for sure.
std::vector<DataExtent> closed_handles(const MemoryReader& memory, Address isolate);

/// The same for the handles of background threads and of their jobs, which lie anywhere in `native` memory:
/// PersistentHandles {..., blocks (a std::vector), next, limit} and LocalHandles {next, limit, levels, blocks}
/// (src/handles/persistent-handles.h, local-handles.h; 8.5 and later). The last block of the list is the one that
/// `limit` ends.
std::vector<DataExtent> closed_background_handles(const MemoryReader& memory, std::span<const DataExtent> native);

}  // namespace inquest::v8
