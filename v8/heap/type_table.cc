#include "v8/heap/type_table.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <string_view>

namespace inquest::v8 {
namespace {

struct Rule {
  std::string_view root;  ///< name of the root map, without "_map"
  SizeRule size;
  Body body = Body::kTagged;
  bool backing_store = false;
};

// Rules that hold in every version; builder functions below adjust the few that changed.
constexpr Rule kRules[] = {
    {"fixed_array", SizeRule::kArray16, Body::kTagged, true},
    {"fixed_cow_array", SizeRule::kArray16, Body::kTagged, true},
    {"fixed_double_array", SizeRule::kArray16, Body::kData, true},
    {"hash_table", SizeRule::kArray16, Body::kTagged, true},
    {"ordered_hash_map", SizeRule::kArray16, Body::kTagged, true},
    {"ordered_hash_set", SizeRule::kArray16, Body::kTagged, true},
    {"ordered_name_dictionary", SizeRule::kArray16, Body::kTagged, true},
    {"name_dictionary", SizeRule::kArray16, Body::kTagged, true},
    {"global_dictionary", SizeRule::kArray16, Body::kTagged, true},
    {"number_dictionary", SizeRule::kArray16, Body::kTagged, true},
    {"simple_number_dictionary", SizeRule::kArray16},
    {"simple_name_dictionary", SizeRule::kArray16},
    {"registered_symbol_table", SizeRule::kArray16},
    {"name_to_index_hash_table", SizeRule::kArray16},
    {"string_table", SizeRule::kArray16, Body::kWeakTable},
    {"ephemeron_hash_table", SizeRule::kArray16, Body::kEphemerons, true},
    {"module_info", SizeRule::kArray16},
    {"weak_fixed_array", SizeRule::kArray16},
    {"trusted_weak_fixed_array", SizeRule::kArray16},
    {"transition_array", SizeRule::kArray16},
    {"embedder_data_array", SizeRule::kArray16},
    {"closure_feedback_cell_array", SizeRule::kArray16},
    {"external_pointer_array", SizeRule::kArray16, Body::kData},
    {"trusted_fixed_array", SizeRule::kArray16},
    {"protected_fixed_array", SizeRule::kArray16},
    {"protected_weak_fixed_array", SizeRule::kArray16},
    {"object_boilerplate_description", SizeRule::kArray16},
    {"class_boilerplate", SizeRule::kArray16},
    {"script_context_table", SizeRule::kArray16},
    {"array_list", SizeRule::kArray16},
    {"sloppy_arguments_elements", SizeRule::kArray16, Body::kTagged, true},
    {"scope_info", SizeRule::kUntilNextMap},
    {"function_context", SizeRule::kContext},
    {"catch_context", SizeRule::kContext},
    {"with_context", SizeRule::kContext},
    {"debug_evaluate_context", SizeRule::kContext},
    {"await_context", SizeRule::kContext},
    {"block_context", SizeRule::kContext},
    {"module_context", SizeRule::kContext},
    {"eval_context", SizeRule::kContext},
    {"script_context", SizeRule::kContext},
    {"native_context", SizeRule::kNativeContext},
    {"weak_array_list", SizeRule::kArray24},
    {"dependent_code", SizeRule::kArray24},
    {"regexp_match_info", SizeRule::kArray40},
    {"byte_array", SizeRule::kBytes16, Body::kData, true},
    {"trusted_byte_array", SizeRule::kBytes16, Body::kData},
    {"bytecode_array", SizeRule::kBytecodeArray},
    {"bigint", SizeRule::kBigInt, Body::kData},
    {"heap_number", SizeRule::kInstanceSize, Body::kData},
    {"mutable_heap_number", SizeRule::kInstanceSize, Body::kData},
    {"property_array", SizeRule::kPropertyArray, Body::kTagged, true},
    {"feedback_metadata", SizeRule::kFeedbackMetadata, Body::kData},
    {"feedback_vector", SizeRule::kFeedbackVector},
    {"descriptor_array", SizeRule::kDescriptorArray},
    {"strong_descriptor_array", SizeRule::kDescriptorArray},
    {"preparse_data", SizeRule::kPreparseData},
    {"coverage_info", SizeRule::kCoverageInfo, Body::kData},
    {"free_space", SizeRule::kFreeSpace, Body::kData},
    {"one_pointer_filler", SizeRule::kInstanceSize, Body::kData},
    {"two_pointer_filler", SizeRule::kInstanceSize, Body::kData},
    {"code", SizeRule::kCode, Body::kCode},
    {"instruction_stream", SizeRule::kInstructionStream, Body::kCode},
    {"swiss_name_dictionary", SizeRule::kSwissNameDictionary},
    {"wasm_type_info", SizeRule::kInstanceSize},
    {"double_string_cache", SizeRule::kDoubleStringCache},
    {"meta", SizeRule::kInstanceSize, Body::kMap},
    {"weak_cell", SizeRule::kInstanceSize, Body::kWeakTarget},
};

std::string camel_case(std::string_view root) {
  std::string name;
  bool upper = true;
  for (char c : root) {
    if (c == '_') {
      upper = true;
      continue;
    }
    name += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return name;
}

SizeRule adjusted(const Rule& rule, const V8Version& version) {
  if (rule.root == "array_list" && version >= V8Version{12, 0}) return SizeRule::kArray24;
  if (rule.root == "object_boilerplate_description" && version >= V8Version{12, 0}) return SizeRule::kArray32;
  if (rule.root == "script_context_table" && version >= V8Version{12, 0}) return SizeRule::kArray32;
  if (rule.root == "sloppy_arguments_elements" && version >= V8Version{9, 0}) return SizeRule::kArray32;
  if (rule.root == "scope_info" && version < V8Version{8, 5}) return SizeRule::kArray16;
  if (rule.root == "code" && version >= V8Version{11, 0}) return SizeRule::kInstanceSize;
  return rule.size;
}

bool is_string_type(const Layout& layout, uint16_t type) { return type < layout.first_nonstring_type; }

void set_string_types(const Layout& layout, std::array<TypeInfo, TypeTable::kTypes>& types) {
  for (uint16_t type = 0; type < layout.first_nonstring_type; ++type) {
    TypeInfo& info = types[type];
    info.category = Category::kString;
    info.known = true;
    info.name = "String";
    bool one_byte = (type & 8) != 0;
    switch (type & 7) {
      case 0:
        info.size = one_byte ? SizeRule::kSeqOneByte : SizeRule::kSeqTwoByte;
        info.body = Body::kData;
        break;
      case 2: info.body = Body::kData; break;  // external
      default: break;                          // cons, sliced, thin: tagged fields
    }
  }
}

uint16_t as_type(std::optional<int> value) { return value ? static_cast<uint16_t>(*value) : 0xffff; }

}  // namespace

TypeTable TypeTable::build(const Layout& layout, const Constants& constants,
                           const std::vector<std::pair<std::string, uint16_t>>& root_types) {
  TypeTable table;
  set_string_types(layout, table.types_);
  std::map<std::string_view, uint16_t> by_root;
  for (const auto& [root, type] : root_types) {
    std::string_view name = root;
    name.remove_suffix(4);  // "_map"
    by_root.emplace(name, type);
    if (is_string_type(layout, type) || type >= kTypes) continue;
    TypeInfo& info = table.types_[type];
    info.known = true;
    if (info.name.empty()) info.name = camel_case(name);
  }
  for (const Rule& rule : kRules) {
    auto found = by_root.find(rule.root);
    if (found == by_root.end() || found->second >= kTypes) continue;
    TypeInfo& info = table.types_[found->second];
    info.size = adjusted(rule, layout.rules);
    info.body = rule.body;
    info.backing_store |= rule.backing_store;  // several kinds of array share a type
  }
  for (const auto& [type, name] : constants.type_names()) {
    if (type < 0 || static_cast<size_t>(type) >= kTypes || is_string_type(layout, static_cast<uint16_t>(type)))
      continue;
    table.types_[type].known = true;
    table.types_[type].name = name;
  }
  // JS_ARGUMENTS_TYPE has a constant from 8.0 on; before that it follows JS_OBJECT_TYPE (src/objects/instance-type.h).
  auto object = constants.type("JSObject"), array_buffer = constants.type("JSArrayBuffer");
  bool unnamed = layout.version < V8Version{8, 0} && !constants.type("JSArgumentsObject");
  if (unnamed && object && array_buffer && *object >= 0 && *array_buffer > *object + 1 &&
      static_cast<size_t>(*array_buffer) < kTypes) {
    table.types_[static_cast<size_t>(*object) + 1].name = "JSArgumentsObject";
  }
  auto root_type = [&](std::string_view name, const char* class_name) {
    auto found = by_root.find(name);
    return found != by_root.end() ? found->second : as_type(constants.type(class_name));
  };
  table.map = root_type("meta", "Map");
  table.free_space = root_type("free_space", "FreeSpace");
  table.shared_function_info = root_type("shared_function_info", "SharedFunctionInfo");
  table.function_template_info = root_type("function_template_info", "FunctionTemplateInfo");
  table.name_dictionary = root_type("name_dictionary", "NameDictionary");
  table.global_dictionary = root_type("global_dictionary", "GlobalDictionary");
  table.property_cell = root_type("property_cell", "PropertyCell");
  if (table.property_cell == 0xffff) table.property_cell = root_type("global_property_cell", "PropertyCell");
  table.js_array = as_type(constants.type("JSArray"));
  table.js_bound_function = as_type(constants.type("JSBoundFunction"));
  table.js_weak_ref = as_type(constants.type("JSWeakRef"));
  table.js_proxy = as_type(constants.type("JSProxy"));
  // JS_PROXY_TYPE is FIRST_JS_RECEIVER_TYPE everywhere and JS_GLOBAL_OBJECT_TYPE follows it; 7.x names only the latter.
  if (table.js_proxy == 0xffff) {
    auto global = constants.type("JSGlobalObject");
    table.js_proxy = static_cast<uint16_t>(global.value_or(1025) - 1);
  }
  table.first_js_receiver = table.js_proxy;
  table.first_context = as_type(constants.value("FirstContextType"));
  table.last_context = as_type(constants.value("LastContextType"));
  if (table.js_weak_ref < kTypes) table.types_[table.js_weak_ref].body = Body::kWeakTarget;
  for (uint16_t type = table.first_js_receiver; type < kTypes; ++type) {
    TypeInfo& info = table.types_[type];
    if (is_string_type(layout, type)) continue;
    info.category = Category::kReceiver;
    info.known = true;
  }
  if (table.first_context != 0xffff && table.last_context < kTypes) {
    // NATIVE_CONTEXT_TYPE is the eighth context type in all versions (instance-type.h keeps them sorted by name).
    for (uint16_t type = table.first_context; type <= table.last_context; ++type) {
      TypeInfo& info = table.types_[type];
      bool native = type == table.first_context + 7;
      info.size = native ? SizeRule::kNativeContext : SizeRule::kContext;
      info.name = native ? "NativeContext" : "Context";
      info.known = true;
    }
  }
  auto set_category = [&](uint16_t type, Category category) {
    if (type < kTypes) table.types_[type].category = category;
  };
  set_category(root_type("symbol", "Symbol"), Category::kSymbol);
  set_category(root_type("bigint", "BigInt"), Category::kBigInt);
  set_category(root_type("heap_number", "HeapNumber"), Category::kNumber);
  set_category(table.free_space, Category::kFiller);
  set_category(root_type("one_pointer_filler", "Filler"), Category::kFiller);
  table.mutable_heap_number = as_type(constants.type("MutableHeapNumber"));
  table.context_cell = root_type("context_cell", "ContextCell");
  uint16_t hole = root_type("hole", "Hole");
  if (hole < kTypes && layout.rules >= V8Version{14, 4}) table.types_[hole].size = SizeRule::kHole;
  return table;
}

}  // namespace inquest::v8
