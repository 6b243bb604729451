// Values as text, in llnode's shapes: "<Object: Session>", "<String: \"abc\">", "<Smi: 1>".
#pragma once

#include <memory>
#include <string>

#include "v8/objects/constructor_name.h"

namespace inquest::v8 {

class Describer {
 public:
  explicit Describer(const Heap& heap);
  /// One line.
  std::string brief(uint64_t word);
  /// With properties and elements, one level deep.
  std::string detailed(uint64_t word);

 private:
  std::string object(uint64_t word, const MapInfo& map, bool with_members);
  std::string members(uint64_t word, const MapInfo& map);
  std::string elements(uint64_t word, const MapInfo& map);
  const ConstructorNames& names_for(uint64_t word);
  std::string reference(uint64_t word);
  std::string property_value(const ObjectReader::Property& property);

  const Heap& heap_;
  MapCache maps_;
  ObjectReader objects_;
  std::vector<ConstructorNames> names_;
};

}  // namespace inquest::v8
