// How an object refers to another, in the words of V8's heap snapshots.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "postmortem/model/address.h"

namespace inquest::v8 {

/// HeapGraphEdge::Type (src/profiler/heap-snapshot-generator.h) where V8 has the edge; kEntry is our own: an entry of a
/// Map or Set, which snapshots show as an internal edge of the table behind it.
enum class EdgeKind : uint8_t {
  kProperty,  ///< named property; accessors as "get name" and "set name"
  kElement,   ///< indexed
  kContext,   ///< variable of a scope
  kEntry,     ///< key or value of a Map, WeakMap; member of a Set, WeakSet
  kShortcut,  ///< argument of a bound function
  kInternal,  ///< V8's own field, with a name or a number
  kHidden,    ///< V8's own field without a name
};
std::string_view to_string(EdgeKind kind);

struct EdgeName {
  EdgeKind kind = EdgeKind::kHidden;
  std::string name;     ///< property, variable, field; of entries "key" or "value"; empty where `index` says it
  uint64_t index = 0;   ///< element; slot of a V8 array; word of an object without names
  bool symbol = false;  ///< the key of the property is a symbol, `name` its description
  uint64_t key = 0;     ///< of the value of an entry: its key, a tagged word
  bool weak = false;    ///< does not keep the target alive
  bool internal() const { return kind == EdgeKind::kInternal || kind == EdgeKind::kHidden; }
};

}  // namespace inquest::v8
