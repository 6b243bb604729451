// A JavaScript value of a dead process, as a tree: what `v8 inspect` shows. It holds copies; nothing in it refers to
// the core.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "postmortem/model/address.h"

namespace inquest::v8 {

enum class ValueKind : uint8_t {
  kUnreadable,  ///< no object, or its map is not in the core
  kUndefined,
  kNull,
  kBoolean,
  kNumber,
  kBigInt,
  kString,
  kSymbol,
  kHole,
  kAccessor,        ///< a property with a getter, a setter or both: `internal`
  kNativeAccessor,  ///< a property that V8 computes: an array's length, an error's stack
  kObject,
  kArray,
  kFunction,
  kClass,
  kBoundFunction,
  kMap,
  kSet,
  kWeakMap,
  kWeakSet,
  kWeakRef,
  kFinalizationRegistry,
  kIterator,  ///< of a Map, Set, Array or String
  kPromise,
  kProxy,
  kGenerator,
  kAsyncFunction,
  kAsyncGenerator,
  kDate,
  kRegExp,
  kError,
  kArguments,
  kPrimitiveWrapper,
  kArrayBuffer,
  kSharedArrayBuffer,
  kTypedArray,
  kDataView,
  kModuleNamespace,
  kGlobal,
  kExternal,
  kWebAssembly,
  kInternal,  ///< V8's own: FixedArray, Map (hidden class), Context, Code, ...
};

/// "map", "bound-function", "primitive-wrapper": stable words for JSON.
std::string_view to_string(ValueKind kind);

struct Value;
struct NamedValue;
struct Entry;

struct Value {
  ValueKind kind = ValueKind::kUnreadable;
  Address address;   ///< tagged; null for values that are no heap objects
  std::string type;  ///< constructor name by V8's rule; V8's name of internal objects; empty for primitives

  /// What the value is in one piece: boolean, number, text of a string, description of a symbol, digits of a BigInt,
  /// date in ISO 8601 ("Invalid Date"), /source/flags of a RegExp, name of a function, state of a promise. Text is
  /// UTF-8.
  std::variant<std::monostate, bool, double, std::string> value;
  uint64_t length = 0;      ///< UTF-16 units of a string, elements of an array, entries of a Map, bytes of a buffer
  bool has_length = false;  ///< whether `length` means something
  bool text_cut = false;    ///< `value` is the beginning of a longer text
  std::string place;        ///< of a function: "file.js:63:19"

  bool cycle = false;  ///< an object that contains this one: not shown again
  bool brief = false;  ///< members were not asked for

  std::vector<NamedValue> properties;
  std::vector<Entry> elements;  ///< by index; of Map and Set the entries
  std::vector<NamedValue>
      internal;                  ///< what JavaScript cannot see, by V8's names: "target", "handler", "[[prototype]]"
  uint64_t more_properties = 0;  ///< left out
  uint64_t more_elements = 0;
  std::string remark;  ///< what could not be read, for the user; mostly empty
};

struct NamedValue {
  std::string name;
  Value value;
  bool symbol = false;      ///< the key is a symbol: `name` is its description
  bool hidden = false;      ///< not enumerable
  bool is_private = false;  ///< #name
};

/// An element, or an entry of a Map (key and value), Set, WeakMap or WeakSet (value alone).
struct Entry {
  uint64_t index = 0;
  std::vector<Value> key;  ///< one or none
  Value value;
  bool hidden = false;  ///< not enumerable
};

struct InspectOptions {
  uint32_t depth = 1;          ///< 0: the value alone; 1: with members, those briefly; ...
  uint64_t max_elements = 16;  ///< of one object
  uint64_t max_properties = 1024;
  uint64_t max_text = 16;        ///< UTF-16 units of a string
  uint64_t max_values = 100000;  ///< in the whole tree
  bool source = false;           ///< text of functions, as internal "source"
  bool map = false;              ///< the hidden class, as internal "map"
};

}  // namespace inquest::v8
