// The name under which V8 itself files an object: JSReceiver::GetConstructorName (src/objects/js-objects.cc,
// GetConstructorHelper), the rule behind heap snapshots and console output.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

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
  /// Since 10.x: at each prototype in turn, its @@toStringTag (an empty one too), then its constructor. Before: the
  /// first
  /// @@toStringTag along the whole chain; only then the first constructor.
  std::optional<std::string> from_prototype_chain(const MapInfo& map, uint64_t object) const;
  struct Chain {
    std::optional<std::string> nearest;      ///< by the newer rule
    std::optional<std::string> tag;          ///< of the first prototype with a @@toStringTag, when that is a string
    std::optional<std::string> constructor;  ///< of the first prototype with a constructor, when that tells something
    bool has_tag = false;                    ///< whether there is such a prototype
    bool has_constructor = false;
  };
  Chain own_part(uint64_t word) const;
  const Chain& chain_from(uint64_t first) const;
  std::string constructor_name(uint64_t function) const;
  bool has_null_prototype(const MapInfo& map) const;
  std::string primitive_class(uint64_t object) const;
  std::string class_name(const MapInfo& map, uint64_t object) const;

  const ObjectReader& objects_;
  uint64_t to_string_tag_;
  uint64_t constructor_;
  uint64_t name_;
  mutable std::unordered_map<uint64_t, Chain> chains_;
};

}  // namespace inquest::v8
