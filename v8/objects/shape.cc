#include "v8/objects/shape.h"

#include <cmath>

namespace inquest::v8 {

std::string property_name(const ObjectReader& objects, uint64_t key) {
  const MapInfo* map = objects.map_of(key);
  if (!map) return "???";
  if (map->category == Category::kString) return objects.string(key).value_or("???");
  // Symbol: description (name) at 16.
  std::string description = objects.string(objects.field(key, 16)).value_or("");
  return "[" + description + "]";
}

Shape shape_of_map(const ObjectReader& objects, const MapInfo& map) {
  Shape shape;
  if (map.category != Category::kReceiver || !map.has_properties || objects.is_dictionary_map(map)) return shape;
  uint32_t count = objects.own_descriptors(map);
  for (uint32_t i = 0; i < count; ++i)
    shape.properties.push_back(property_name(objects, objects.descriptor_key(map, i)));
  return shape;
}

uint64_t element_count(const ObjectReader& objects, const MapInfo& map, uint64_t object) {
  if (map.type == objects.heap().types().js_array) {
    uint64_t length = objects.field(object, 24);
    if (is_smi(length)) return static_cast<uint32_t>(smi_value(length));
    const MapInfo* number = objects.map_of(length);
    if (!number || number->category != Category::kNumber) return 0;
    uint64_t bits = objects.field(length, 8);
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value >= 0 && value < 4294967296.0 ? static_cast<uint64_t>(value) : 0;
  }
  uint64_t elements = objects.field(object, 16);
  const MapInfo* store = objects.map_of(elements);
  if (!store || !store->backing_store) return 0;
  uint64_t length = objects.field(elements, 8);
  return is_smi(length) && smi_value(length) > 0 ? static_cast<uint64_t>(smi_value(length)) : 0;
}

Shape shape_of_object(const ObjectReader& objects, const MapInfo& map, uint64_t object) {
  Shape shape;
  if (objects.is_dictionary_map(map)) {
    objects.for_each_property(object, [&](const ObjectReader::Property& property) {
      shape.properties.push_back(property_name(objects, property.key));
      return shape.properties.size() < 1024;
    });
  } else {
    shape = shape_of_map(objects, map);
  }
  shape.elements = element_count(objects, map, object);
  return shape;
}

}  // namespace inquest::v8
