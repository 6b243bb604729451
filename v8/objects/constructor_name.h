// The name under which V8 itself files an object: JSReceiver::GetConstructorName (src/objects/js-objects.cc,
// GetConstructorHelper), the rule behind heap snapshots and console output.
#pragma once

#include <string>

#include "v8/objects/object_reader.h"

namespace inquest::v8 {

class ConstructorNames {
 public:
  ConstructorNames(const ObjectReader& objects, uint32_t isolate);

  /// Whether two objects with this map may have different names: they can carry a @@toStringTag of their own.
  bool depends_on_object(const MapInfo& map) const;
  /// The name of an object with this map; `object` (tagged) must be given when depends_on_object.
  std::string name(const MapInfo& map, uint64_t object) const;
  /// Names of what is no JSReceiver: "(String)", "(Number)", "system / FixedArray".
  static std::string internal_name(const Heap& heap, const MapInfo& map);

 private:
  std::string from_constructor(const MapInfo& map) const;
  std::string from_prototype_chain(const MapInfo& map, uint64_t object) const;
  std::string class_name(const MapInfo& map) const;

  const ObjectReader& objects_;
  uint64_t to_string_tag_;
  uint64_t constructor_;
};

}  // namespace inquest::v8
