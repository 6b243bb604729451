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
  static std::string number(double value);
  /// An object that is known by its Map (tagged) only.
  std::string not_allocated(uint64_t map);

 private:
  std::string object(uint64_t word, const MapInfo& map);
  const ConstructorNames& names_for(uint64_t word);

  const Heap& heap_;
  MapCache maps_;
  ObjectReader objects_;
  std::vector<ConstructorNames> names_;
};

}  // namespace inquest::v8
