// Builds the tree of a value. One per runtime; not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "postmortem/model/result.h"
#include "v8/frames/source_position.h"
#include "v8/inspect/buffer_reader.h"
#include "v8/inspect/kinds.h"
#include "v8/inspect/value.h"
#include "v8/layout/constants.h"
#include "v8/objects/constructor_name.h"
#include "v8/objects/object_reader.h"

namespace inquest::v8 {

class Inspector {
 public:
  explicit Inspector(const Heap& heap);

  /// The tree of a tagged word. Words that are no objects give kUnreadable.
  Value inspect(uint64_t word, const InspectOptions& options);

  /// The same of what a path of names leads to: properties, indexes, string or number keys of Maps, and what is shown
  /// as internal. A usage error says which step does not exist. `word` may lack its tag.
  Result<Value> inspect(uint64_t word, std::span<const std::string> path, const InspectOptions& options);

  /// The type of an object of kind kObject whose tree of depth 0 follows from its hidden class but for the address;
  /// empty for all others. Valid until the next call.
  std::string_view plain_type(uint64_t word);

  /// The bytes of a string (as UTF-8), ArrayBuffer, typed array or DataView; nothing for others, or when they are not
  /// in the core.
  std::optional<std::string> bytes(uint64_t word);

 private:
  Value tree(uint64_t word, uint32_t depth);
  bool is_plain(uint64_t word, const MapInfo& map);
  void add_members(uint64_t word, const MapInfo& map, uint32_t depth, Value& value);
  void set_primitive(uint64_t word, Value& value);
  void set_type(uint64_t word, const MapInfo& map, Value& value);
  void set_summary(uint64_t word, const MapInfo& map, Value& value);
  std::optional<uint64_t> array_element(uint64_t word, uint64_t index) const;

  // members.cc
  enum class SymbolClass : uint8_t { kPublic, kPrivateName, kOfV8 };
  SymbolClass symbol_class(uint64_t symbol) const;
  /// "error_stack_symbol": V8's private symbols have no description since 9.x, but are roots.
  std::string root_name_of(uint64_t word) const;
  void add_properties(uint64_t word, const MapInfo& map, uint32_t depth, Value& value);
  void add_elements(uint64_t word, const MapInfo& map, uint32_t depth, Value& value);
  void add_element_store(uint64_t word, const MapInfo& map, uint32_t depth, Value& value);
  void add_array_store(uint64_t store, uint64_t count, uint32_t depth, Value& value);
  void add_double_store(uint64_t store, uint64_t count, Value& value);
  struct NumberedSlot {
    uint64_t index = 0;
    ObjectReader::Property property;
  };
  std::vector<NumberedSlot> number_dictionary(uint64_t store) const;
  void add_numbered(std::vector<NumberedSlot> slots, uint32_t depth, Value& value);
  void add_sloppy_arguments(uint64_t store, uint32_t depth, Value& value);
  void add_slow_arguments(uint64_t store, uint64_t mapped, uint32_t depth, Value& value);
  Value property_value(const ObjectReader::Property& property, uint32_t depth);

  /// Of the value that a path leads on from only one member is read, however many there are: see Wanted.
  bool filters() const { return wanted_.has_value() && above_.size() == 1; }
  bool is_wanted(const NamedValue& member) const;
  bool is_wanted_key(uint64_t key);
  /// From which index on to which (not included) elements are read.
  std::pair<uint64_t, uint64_t> wanted_range(uint64_t count) const;

  // private_members.cc
  bool is_private_brand(const ObjectReader::Property& property) const;
  void add_private_members(uint64_t context, bool of_class, uint64_t owner, uint32_t depth, Value& value);
  bool is_written_in_class(uint64_t function, uint64_t class_function) const;
  void add_static_private_members(uint64_t word, uint32_t depth, Value& value);

  // builtins.cc
  void add_internal(uint64_t word, const MapInfo& map, uint32_t depth, Value& value);
  void add_collection(uint64_t word, bool pairs, uint32_t depth, Value& value);
  void add_weak_collection(uint64_t word, bool pairs, uint32_t depth, Value& value);
  void add_captured_stack(uint64_t word, Value& value);
  void add_promise(uint64_t word, uint32_t depth, Value& value);
  void add_generator(uint64_t word, uint32_t depth, Value& value);
  void add_buffer_facts(uint64_t word, Value& value);
  void add_buffer_elements(uint64_t word, Value& value);
  void add_internal_fields(uint64_t word, const MapInfo& map, Value& value);
  std::string pointer_text(uint64_t pointer) const;
  uint64_t external_pointer(uint64_t word) const;
  void add_hidden_class(uint64_t word, Value& value);
  void add_slots(uint64_t word, uint64_t first, uint64_t count, uint32_t depth, Value& value);
  void add_internal_object(uint64_t word, const MapInfo& map, uint32_t depth, Value& value);
  uint64_t collection_size(uint64_t word) const;
  void add_date(uint64_t word, Value& value);
  std::string regexp_text(uint64_t word) const;
  std::string_view promise_state(uint64_t word) const;

  // wasm.cc
  bool has_builtin_constructor(const MapInfo& map) const;
  /// Of an object whose type V8 does not name; kObject when its name says nothing.
  ValueKind kind_by_name(uint64_t word, const MapInfo& map, std::string_view type) const;
  template <class Visit>
  void for_each_field(uint64_t word, const MapInfo& map, Visit visit) const;
  uint64_t first_field(uint64_t word, const MapInfo& map, ValueKind kind) const;
  uint64_t module_of_namespace(uint64_t word, const MapInfo& map) const;
  uint64_t export_cell(uint64_t module, uint64_t key) const;
  void add_exports(uint64_t word, const MapInfo& map, uint32_t depth, Value& value);
  void add_global(uint64_t word, const MapInfo& map, uint32_t depth, Value& value);
  void add_webassembly(uint64_t word, const MapInfo& map, uint32_t depth, Value& value);
  uint64_t table_entry(uint64_t entry) const;
  void add_wasm_table(uint64_t word, const MapInfo& map, uint32_t depth, Value& value);
  void add_wasm_global(uint64_t word, const MapInfo& map, uint32_t depth, Value& value);

  // closure.cc
  void add_function(uint64_t word, uint32_t depth, Value& value);
  void set_place(uint64_t word, Value& value);
  void add_source(uint64_t word, Value& value);
  bool is_dynamic(uint64_t function) const;
  std::optional<SourceRange> text_of(uint64_t function, ValueKind kind) const;
  void add_context(uint64_t context, uint32_t depth, Value& value);

  void internal(Value& value, std::string name, uint64_t word, uint32_t depth);
  static void internal(Value& value, std::string name, Value inner);
  bool elements_full(const Value& value) const { return value.elements.size() >= options_.max_elements; }
  const ConstructorNames& names_for(uint64_t word) const;
  std::string type_name(uint64_t word, const MapInfo& map);
  std::string function_name(uint64_t word) const;
  bool is_named(uint64_t word, std::string_view type) const;
  std::optional<double> number(uint64_t word) const;

  /// A step of a path.
  struct Wanted {
    std::string name;
    std::optional<uint64_t> index;
  };

  const Heap& heap_;
  MapCache maps_;
  ObjectReader objects_;
  Kinds kinds_;
  SourcePositions positions_;
  BufferReader buffers_;
  std::vector<ConstructorNames> names_;
  std::vector<std::optional<std::string>> type_names_;  ///< by index of the map
  std::vector<std::optional<bool>> plain_;              ///< by index of the map
  InspectOptions options_;
  std::optional<Wanted> wanted_;
  uint64_t values_ = 0;          ///< built so far
  std::vector<uint64_t> above_;  ///< the objects that contain what is being built
  uint16_t context_offset_;      ///< JSFunction::context
};

Value number_value(double number);
Value text_value(ValueKind kind, std::string text);

}  // namespace inquest::v8
