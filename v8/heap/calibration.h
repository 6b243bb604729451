// Votes on the few sizes that no version number settles: each occurrence of an object whose size depends on the
// question says which answer makes its successor valid.
#pragma once

#include <string>

#include "v8/heap/map_cache.h"
#include "v8/heap/object_size.h"

namespace inquest::v8 {

class Heap;

/// FreeSpace::size: bytes until V8 13.6.233.10, words from 13.6.233.17 on. Returns the vote, for the report.
std::string vote_free_space_unit(const Heap& heap, MapCache& maps, SizeCalibration& calibration);

/// FeedbackVector: where its length lies and how long its header is.
std::string vote_feedback_vector(const Heap& heap, MapCache& maps, SizeCalibration& calibration);

/// Map::instance_descriptors: 48 in V8 7.4, 40 since; decided by where the maps among the roots keep a descriptor
/// array.
uint16_t vote_map_descriptors(const Heap& heap);

}  // namespace inquest::v8
