// Contents of ArrayBuffers: bytes of the program, never references of V8.
//
// Buffer.allocUnsafe and the pools of streams hand out memory as malloc gives it, with whatever was in it before: often
// the objects of V8's own tables. Since 8.0 each buffer has a BackingStore (src/objects/backing-store.h) that begins
// {buffer_start, byte_length, byte_capacity}; byte_capacity is byte_length but for growing buffers. Together with the
// size that glibc keeps in front of a block this tells the buffers without a walk of the heap.
#pragma once

#include <span>
#include <vector>

#include "postmortem/model/memory_reader.h"

namespace inquest::v8 {

/// The buffers that words of `native` memory describe, in whole words, in no order. Blocks of other allocators than
/// glibc's are not found.
std::vector<DataExtent> array_buffer_memory(const MemoryReader& memory, std::span<const DataExtent> native);

}  // namespace inquest::v8
