// The shape of an object: its named properties in definition order and how many elements it has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "v8/objects/object_reader.h"

namespace inquest::v8 {

struct Shape {
  std::vector<std::string> properties;
  uint64_t elements = 0;
  auto operator<=>(const Shape&) const = default;
};

Shape shape_of_map(const ObjectReader& objects, const MapInfo& map);
Shape shape_of_object(const ObjectReader& objects, const MapInfo& map, uint64_t object);

/// The name of a property for people: a string's text, "[description]" of a symbol.
std::string property_name(const ObjectReader& objects, uint64_t key);

/// Number of indexed elements: an array's length, else the used capacity of the elements store.
uint64_t element_count(const ObjectReader& objects, const MapInfo& map, uint64_t object);

}  // namespace inquest::v8
