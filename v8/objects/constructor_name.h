// The name under which V8 itself files an object: JSReceiver::GetConstructorName (src/objects/js-objects.cc,
// GetConstructorHelper), the rule behind heap snapshots and console output.
#pragma once

#include <optional>
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
  std::optional<std::string> from_prototype_chain(const MapInfo& map, uint64_t object) const;
  std::optional<std::string> from_prototype_chain_until_9(const MapInfo& map, uint64_t object) const;
  std::string constructor_name(uint64_t function) const;
  bool has_null_prototype(const MapInfo& map) const;
  std::string primitive_class(uint64_t object) const;
  /// Calls visit(object, map) for the object (when known) and its prototypes until it returns false.
  template <class Visit>
  void for_each_prototype(const MapInfo& map, uint64_t object, Visit&& visit) const;
  std::string class_name(const MapInfo& map, uint64_t object) const;

  const ObjectReader& objects_;
  uint64_t to_string_tag_;
  uint64_t constructor_;
  uint64_t name_;
};

}  // namespace inquest::v8
