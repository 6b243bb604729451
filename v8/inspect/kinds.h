// What kind of JavaScript value an object is, from its map.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "v8/heap/root_set.h"
#include "v8/inspect/value.h"
#include "v8/objects/object_reader.h"

namespace inquest::v8 {

/// By instance type, as far as v8dbg names them; V8 7.x names few, so that some are told by what their fields point to
/// (a JSMap has its OrderedHashMap behind the JSObject header in all versions).
class Kinds {
 public:
  explicit Kinds(const ObjectReader& objects);

  /// `word` is an object with this map.
  ValueKind of(const MapInfo& map, uint64_t word) const;

 private:
  ValueKind receiver(const MapInfo& map, uint64_t word) const;
  ValueKind by_fields(const MapInfo& map, uint64_t word) const;
  ValueKind function(const MapInfo& map, uint64_t word) const;
  bool has_map(uint64_t word, const RootSet& maps) const;

  const ObjectReader& objects_;
  std::vector<ValueKind> by_type_;  ///< kInternal where the type says nothing
  std::vector<std::pair<RootSet, ValueKind>> oddballs_;
  RootSet ordered_hash_map_, ordered_hash_set_, ephemeron_hash_table_, external_;
};

}  // namespace inquest::v8
