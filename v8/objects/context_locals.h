// Variables that closures share: a Context and the ScopeInfo that names its slots.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "v8/objects/object_reader.h"

namespace inquest::v8 {

struct ContextVariable {
  std::string name;
  uint64_t value = 0;      ///< tagged; the hole: not initialised yet
  bool is_number = false;  ///< `number` holds the value: 14.x keeps some unboxed in a ContextCell
  double number = 0;
  bool is_static = false;  ///< a private method or accessor of the class itself
};

/// Names of the slots of a Context from `first` on, counted from its ScopeInfo; without names where that is not
/// understood.
struct ContextSlots {
  uint64_t first = 0;
  std::vector<std::string> names;
};

/// `context`: a tagged word.
ContextSlots context_slots(const ObjectReader& objects, uint64_t context);

struct ContextContents {
  uint64_t scope_info = 0;   ///< tagged; 0 when the object is no Context that this understands
  uint64_t previous = 0;     ///< the enclosing Context; 0 at the end
  uint64_t with_object = 0;  ///< of a `with`: the object whose properties are in scope; else 0
  std::vector<ContextVariable> variables;
};

/// `context`: a tagged word. A native context has no variables of a program and gives nothing.
ContextContents read_context(const ObjectReader& objects, uint64_t context);

}  // namespace inquest::v8
