// The size of an object, from its map and its header.
#pragma once

#include <cstdint>

#include "v8/heap/map_cache.h"
#include "v8/heap/page_table.h"
#include "v8/layout/layout.h"

namespace inquest::v8 {

/// Numbers that no version number settles and that are voted on in each core; see heap/calibration.h.
struct SizeCalibration {
  uint32_t free_space_unit = 1;  ///< 1 or 8: FreeSpace::size in bytes or in words (changed within V8 13.6)
  uint16_t feedback_vector_length = 8;
  uint16_t feedback_vector_header = 48;
};

class ObjectSizer {
 public:
  ObjectSizer(const PageTable& pages, const Layout& layout, const SizeCalibration& calibration)
      : pages_(pages), layout_(layout), calibration_(calibration) {}

  /// Bytes, a multiple of 8, of the object whose bytes start at `bytes`; 0 when it cannot be known or does not fit
  /// into `available`. kUntilNextMap objects are sized by the walker and give 0 here.
  uint64_t size(const MapInfo& map, const std::byte* bytes, uint64_t available) const {
    if (map.rule == SizeRule::kInstanceSize) return map.instance_size <= available ? map.instance_size : 0;
    if (available < 16) return 0;
    uint64_t size = variable_size(map, bytes, available);
    return size <= available && size % 8 == 0 ? size : 0;  // a damaged FreeSpace may say anything
  }

 private:
  uint64_t variable_size(const MapInfo& map, const std::byte* bytes, uint64_t available) const;
  uint64_t code_size(const std::byte* bytes, uint64_t available) const;
  uint64_t instruction_stream_size(const std::byte* bytes, uint64_t available) const;

  const PageTable& pages_;
  const Layout& layout_;
  const SizeCalibration& calibration_;
};

}  // namespace inquest::v8
