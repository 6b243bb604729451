// What the words of objects are called: which property, element, variable or field of V8 lies at an offset. Names are
// those of V8's heap snapshots (src/profiler/heap-snapshot-generator.cc, V8HeapExplorer::Extract*References).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "v8/graph/edge.h"
#include "v8/graph/object_references.h"
#include "v8/heap/root_set.h"
#include "v8/objects/context_locals.h"
#include "v8/objects/object_reader.h"

namespace inquest::v8 {

class EdgeNames {
 public:
  explicit EdgeNames(const Heap& heap);

  const ObjectReader& objects() const { return objects_; }

  /// Offsets at which the object `holder` refers to `target` (tagged words), ascending. At most `limit`.
  struct Slot {
    uint64_t offset = 0;
    Strength strength = Strength::kStrong;
  };
  std::vector<Slot> slots(uint64_t holder, uint64_t target, size_t limit, uint64_t& more);

  /// The name of the word at `offset` of `holder`.
  EdgeName of(uint64_t holder, uint64_t offset);

  /// What the word at `offset` of `store` is called in JavaScript, seen from `owner`, whose word at `owner_offset`
  /// refers to the store: elements, out-of-object properties, dictionaries, tables of collections, arguments of bound
  /// functions, registers of generators. Nothing when the store is none of these to this owner.
  std::optional<EdgeName> through(uint64_t owner, uint64_t owner_offset, uint64_t store, uint64_t offset);

  bool is_named(uint64_t word, std::string_view type) const;
  bool has_map(uint64_t word, uint64_t map_root) const;
  bool has_map(uint64_t word, const RootSet& maps) const;
  /// A property's name from its key.
  EdgeName property(uint64_t key) const;
  /// The property whose value lies at `offset` of a DescriptorArray, and the index of its descriptor. Nothing where the
  /// values of the property lie in the objects.
  std::optional<EdgeName> descriptor_value(uint64_t descriptors, uint64_t offset, uint64_t& index) const;

 private:
  bool is_weak_in_code(uint64_t target) const;
  EdgeName of_receiver(uint64_t holder, const MapInfo& map, uint64_t offset);
  EdgeName of_context(uint64_t holder, const MapInfo& map, uint64_t offset);
  EdgeName of_internal(uint64_t holder, const MapInfo& map, uint64_t offset);
  std::optional<EdgeName> field_property(const MapInfo& map, uint32_t field_index) const;
  std::optional<EdgeName> element(uint64_t owner, uint64_t store, uint64_t offset) const;
  std::optional<EdgeName> dictionary_property(uint64_t store, uint64_t offset) const;
  std::optional<EdgeName> collection_entry(uint64_t store, uint64_t offset) const;
  std::optional<EdgeName> ephemeron_entry(uint64_t store, uint64_t offset) const;
  const ContextSlots& context_slots_of(uint64_t context);
  bool is_generator(uint64_t word, const MapInfo& map) const;
  uint32_t inobject_properties(const MapInfo& map) const;

  const Heap& heap_;
  MapCache maps_;
  ObjectReader objects_;
  Walker walker_;
  ObjectReferences references_;
  RootSet ordered_hash_map_, ordered_hash_set_, ephemeron_hash_table_;
  std::unordered_map<uint64_t, ContextSlots> scope_slots_;  ///< by ScopeInfo
};

}  // namespace inquest::v8
