#include "v8/layout/layout.h"

#include <string_view>

namespace inquest::v8 {
namespace {

constexpr int kMaxFieldOffset = 64;  ///< the last word of a map, the largest object read by these offsets

/// Overwrites built-in numbers with what the binary says and remembers what it does not say.
class Resolver {
 public:
  Resolver(const Constants& constants, std::vector<std::string>& missing) : constants_(constants), missing_(missing) {}

  template <class T>
  void field(T& out, const char* class_name, const char* name, const char* alias = nullptr) {
    auto value = constants_.field(class_name, name);
    if (!value && alias) value = constants_.field(class_name, alias);
    if (value && (*value < 0 || *value > kMaxFieldOffset)) value.reset();
    set(out, value, std::string(class_name) + "::" + name);
  }
  template <class T>
  void value(T& out, const char* name) {
    auto value = constants_.value(name);
    bool is_shift = std::string_view(name).ends_with("_shift");
    if (value && is_shift && (*value < 0 || *value > 31)) value.reset();
    set(out, value, name);
  }

 private:
  template <class T>
  void set(T& out, std::optional<int> value, const std::string& name) {
    if (value) {
      out = static_cast<T>(*value);
    } else {
      missing_.push_back(name);
    }
  }
  const Constants& constants_;
  std::vector<std::string>& missing_;
};

void resolve_map(Resolver& from, MapLayout& map) {
  from.field(map.instance_size_in_words, "Map", "instance_size_in_words");
  from.field(map.inobject_start, "Map", "inobject_properties_start_or_constructor_function_index");
  from.field(map.instance_type, "Map", "instance_type");
  from.field(map.bit_field2, "Map", "bit_field2");
  from.field(map.bit_field3, "Map", "bit_field3");
  from.field(map.prototype, "Map", "prototype");
  from.field(map.constructor, "Map", "constructor_or_back_pointer", "constructor_or_backpointer");
  from.field(map.descriptors, "Map", "instance_descriptors");
  from.value(map.elements_kind_shift, "bit_field2_elements_kind_shift");
  from.value(map.elements_kind_mask, "bit_field2_elements_kind_mask");
  from.value(map.own_descriptors_shift, "bit_field3_number_of_own_descriptors_shift");
  from.value(map.own_descriptors_mask, "bit_field3_number_of_own_descriptors_mask");
  from.value(map.dictionary_map_bit, "bit_field3_is_dictionary_map_shift");
  if (map.dictionary_map_bit == 20) {
    // The older order (src/objects/map.h of 7.4): IsPrototypeMap is bit 1 of bit_field2, so that everything in
    // bit_field3 lies one lower, and NewTargetIsBase is bit 27 there.
    map.prototype_bit_in_bit_field2 = true;
    map.prototype_map_bit = 1;
    map.new_target_bit_in_bit_field3 = true;
    map.new_target_is_base_bit = 27;
  }
}

void resolve_property(Resolver& from, PropertyLayout& property) {
  from.value(property.kind_mask, "prop_kind_mask");
  from.value(property.location_mask, "prop_location_mask");
  uint32_t attributes_shift = 2;
  from.value(attributes_shift, "prop_attributes_shift");
  constexpr uint32_t kDontEnum = 2;  // in all versions
  property.dont_enum_mask = kDontEnum << (attributes_shift & 31);
  from.value(property.representation_mask, "prop_representation_mask");
  from.value(property.representation_shift, "prop_representation_shift");
  from.value(property.representation_double, "prop_representation_double");
  from.value(property.index_mask, "prop_index_mask");
  from.value(property.index_shift, "prop_index_shift");
}

void resolve_string(Resolver& from, StringLayout& string) {
  from.field(string.length, "String", "length");
  from.field(string.chars, "SeqOneByteString", "chars");
  from.field(string.first, "ConsString", "first");
  from.field(string.second, "ConsString", "second");
  from.field(string.parent, "SlicedString", "parent");
  from.field(string.offset, "SlicedString", "offset");
  from.field(string.actual, "ThinString", "actual");
}

/// Where instructions begin is where the header ends: of Code itself until 10.x, of InstructionStream since.
void resolve_code(const Constants& constants, LayoutTable& table) {
  auto stream = constants.field("InstructionStream", "instruction_start");
  auto code = constants.field("Code", "instruction_start");
  if (stream) {
    table.code = *stream <= 16 ? CodeLayout::kInstructionStream16 : CodeLayout::kInstructionStream32;
  } else if (code && table.code == CodeLayout::kInline) {
    table.code_header = static_cast<uint16_t>(*code);
  }
}

}  // namespace

Layout Layout::resolve(const Constants& constants, const V8Version& version) {
  Layout layout = resolve(constants, version, layout_table_for(version));
  layout.rules = version;
  return layout;
}

Layout Layout::resolve(const Constants& constants, const V8Version& version, const LayoutTable& table) {
  Layout layout;
  layout.version = version;
  layout.rules = V8Version{table.major, table.minor};
  layout.table = table;
  layout.exact = is_measured(version);
  Resolver from(constants, layout.missing);
  resolve_map(from, layout.map);
  resolve_property(from, layout.property);
  resolve_string(from, layout.string);
  from.value(layout.first_nonstring_type, "FirstNonstringType");
  from.field(layout.js_function_shared, "JSFunction", "shared");
  from.field(layout.shared_name_or_scope_info, "SharedFunctionInfo", "name_or_scope_info");
  from.field(layout.oddball_kind, "Oddball", "kind");
  from.value(layout.name_dictionary_prefix, "namedictionaryshape_prefix_size");
  if (auto header = constants.field("DescriptorArray", "header_size")) {
    layout.table.descriptor_array_header = static_cast<uint16_t>(*header);
  }
  if (auto data = constants.field("BytecodeArray", "data")) {
    layout.table.bytecode_array_header = static_cast<uint16_t>(*data);
  }
  // Class and built-in constructors have types of their own right behind JS_FUNCTION_TYPE from 9.x on; the length of
  // that range is in the table, its beginning in v8dbg.
  resolve_code(constants, layout.table);
  layout.first_js_function_type = layout.table.first_js_function_type;
  if (auto type = constants.type("JSFunction")) layout.first_js_function_type = static_cast<uint16_t>(*type);
  layout.last_js_function_type = layout.first_js_function_type + layout.table.js_function_types - 1;
  if (auto first = constants.value("FirstJSFunctionType"))
    layout.first_js_function_type = static_cast<uint16_t>(*first);
  if (auto last = constants.value("LastJSFunctionType")) layout.last_js_function_type = static_cast<uint16_t>(*last);
  return layout;
}

}  // namespace inquest::v8
