// Freed memory of glibc's malloc.
//
// A freed block keeps what it held: handles, register images of deoptimised frames, old tables of roots. Taken as roots
// they would keep thousands of dead objects. glibc's heaps can be walked without its symbols (malloc/malloc.c, 2.26 to
// 2.41): a heap is a run of chunks, each with its size in front, low bits as flags; a chunk is free when the next one's
// PREV_INUSE bit is clear (then its size is repeated behind it), or when it sits in a thread's cache, which since 2.29
// writes a key into its second word. The first chunk of the main arena is a thread's cache itself, known by its size;
// arenas of threads say where they begin and where their unused top is. Where something blocks the way of the brk heap
// (V8 likes to put its code range there), the main arena goes on in memory mapped for it, which begins with a chunk.
// Whatever does not fit this picture exactly counts as in use; so does every block of other allocators.
#pragma once

#include <cstdint>
#include <vector>

#include "postmortem/model/memory_reader.h"
#include "postmortem/model/target.h"

namespace inquest::v8 {

/// Contents of free chunks and of segments of zones, left-over words behind small chunks in use; sorted by address, not
/// overlapping.
std::vector<DataExtent> freed_memory(const Target& target);

}  // namespace inquest::v8
