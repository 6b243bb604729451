#include "v8/frames/call_site_names.h"

#include <algorithm>
#include <string_view>

namespace inquest::v8 {
namespace {

constexpr int kMaxPrototypes = 8192;
// First versions of the rules, measured on Node.js 12.0 to 26.10.
constexpr V8Version kInferredMethodNames{9, 0};     ///< GetMethodName looks at inferred names, and at duplicates by key
constexpr V8Version kTypeOfIdentifiersOnly{10, 0};  ///< before: unless the function's name begins with the type's
constexpr V8Version kClassOfStaticMethods{10, 2};   ///< the class itself instead of "Function"
constexpr V8Version kMethodAfterBlank{12, 0};       ///< "get x" needs no "[as x]"
constexpr V8Version kClassOfAllConstructors{13, 0};  ///< also of functions that are no classes
constexpr V8Version kTwoStaticKinds{14, 2};          ///< ClassStaticInitializerFunctionPrecededByMember follows

bool is_identifier(std::string_view text) {
  auto is_start = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c >= 0x80;
  };
  if (text.empty() || !is_start(static_cast<unsigned char>(text[0]))) return false;
  return std::ranges::all_of(text,
                             [&](char c) { return is_start(static_cast<unsigned char>(c)) || (c >= '0' && c <= '9'); });
}

}  // namespace

CallSiteNames::CallSiteNames(const ObjectReader& objects, const ScriptReader& scripts, const FrameOffsets& offsets)
    : objects_(objects),
      scripts_(scripts),
      offsets_(offsets),
      constructor_names_(std::max<size_t>(objects.heap().isolates().size(), 1)) {}

void CallSiteNames::clear() {
  for (auto& names : constructor_names_) names.reset();
  method_names_.clear();
}

uint32_t CallSiteNames::isolate_of(uint64_t word) const {
  const Page* page = is_heap_object(word) ? objects_.heap().pages().page_of(word - 1) : nullptr;
  return page && page->isolate < constructor_names_.size() ? page->isolate : 0;
}

const ConstructorNames& CallSiteNames::constructor_names(uint32_t isolate) const {
  auto& names = constructor_names_[isolate];
  if (!names) names = std::make_unique<ConstructorNames>(objects_, isolate);
  return *names;
}

bool CallSiteNames::is_oddball(uint64_t word, const char* root) const {
  for (uint32_t isolate = 0; isolate < constructor_names_.size(); ++isolate) {
    if (word != 0 && objects_.heap().root(root, isolate) == word) return true;
  }
  return false;
}

/// CallSiteInfo::IsToplevel.
bool CallSiteNames::is_top_level(uint64_t receiver) const {
  if (is_oddball(receiver, "undefined_value") || is_oddball(receiver, "null_value")) return true;
  const MapInfo* map = objects_.map_of(receiver);
  return map != nullptr && objects_.heap().types()[map->type].name == "JSGlobalProxy";
}

/// The own data property "name" of a function, where it is a string (JSFunction::GetDebugName).
std::optional<std::string> CallSiteNames::own_name(uint64_t function) const {
  if (function == 0) return std::nullopt;
  uint64_t key = objects_.heap().root("name_string", isolate_of(function));
  auto value = key != 0 ? objects_.own_data_property(function, key) : std::nullopt;
  if (!value || !objects_.is_string(*value)) return std::nullopt;
  return objects_.string(*value);
}

/// Functions that set up the fields of a class: since 12.x DebugName (src/objects/shared-function-info.cc) says one for
/// their kind, whatever name the parser inferred for them, mostly the name of the class.
std::string CallSiteNames::initializer_name(uint64_t shared) const {
  constexpr uint8_t kKindMask = 31;
  constexpr uint8_t kInstance = 24, kStatic = 25, kSecondStatic = 26;  // FunctionKind, 12.4 to 14.6
  if (objects_.heap().layout().version < kMethodAfterBlank) return {};
  const std::byte* flags =
      objects_.heap().pages().object_bytes(objects_.resolved(shared) - 1, offsets_.function_flags, 1);
  if (flags == nullptr) return {};
  uint8_t kind = std::to_integer<uint8_t>(*flags) & kKindMask;
  return kind == kInstance ? "<instance_members_initializer>"
         : kind == kStatic || (kind == kSecondStatic && objects_.heap().layout().version >= kTwoStaticKinds)
             ? "<static_initializer>"
             : "";
}

std::string CallSiteNames::function_name(const CallSite& site) const {
  auto own = own_name(site.function);
  std::string name = own ? *own : initializer_name(site.shared);
  if (name.empty()) name = objects_.shared_debug_name(site.shared);
  if (name.empty() && scripts_.is_eval(scripts_.script_of(site.shared))) name = "eval";
  return name;
}

/// JSReceiver::GetConstructorName of the receiver made an object.
std::string CallSiteNames::type_name(uint64_t receiver) const {
  if (is_smi(receiver)) return "Number";
  const MapInfo* map = objects_.map_of(receiver);
  if (map == nullptr) return {};
  switch (map->category) {
    case Category::kReceiver: break;
    case Category::kString: return "String";
    case Category::kSymbol: return "Symbol";
    case Category::kBigInt: return "BigInt";
    case Category::kNumber: return "Number";
    default:
      return is_oddball(receiver, "true_value") || is_oddball(receiver, "false_value") ? "Boolean" : std::string();
  }
  const V8Version& version = objects_.heap().layout().version;
  if (version >= kClassOfStaticMethods && objects_.is_function(receiver)) {
    // JS_CLASS_CONSTRUCTOR_TYPE is the last of the types of functions.
    bool is_class = map->type == objects_.heap().layout().last_js_function_type;
    if (is_class || version >= kClassOfAllConstructors) {
      std::string name = own_name(receiver).value_or(objects_.function_debug_name(receiver));
      if (!name.empty()) return name;
    }
  }
  return constructor_names(isolate_of(receiver)).name(*map, receiver);
}

std::string CallSiteNames::type_name_by_map(uint64_t receiver_map) const {
  const MapInfo* map = objects_.map_info(receiver_map);
  if (map == nullptr || map->category != Category::kReceiver) return {};
  return constructor_names(isolate_of(receiver_map)).name(*map, 0);
}

bool CallSiteNames::holds(const ObjectReader::Property& property, uint64_t function) const {
  if (property.raw_double) return false;
  if (!property.accessor) return property.value == function;
  // AccessorPair: getter, setter.
  return is_heap_object(property.value) &&
         (objects_.field(property.value, 8) == function || objects_.field(property.value, 16) == function);
}

std::string CallSiteNames::method_name(const CallSite& site, uint64_t receiver) const {
  if (site.function == 0) return {};
  auto [entry, fresh] = method_names_.try_emplace({site.function, receiver});
  if (fresh) entry->second = find_method_name(site, receiver);
  return entry->second;
}

/// The property under which the receiver or its prototypes have the function: the one that is named like it, else the
/// only enumerable one.
std::string CallSiteNames::find_method_name(const CallSite& site, uint64_t receiver) const {
  bool newer = objects_.heap().layout().version >= kInferredMethodNames;
  std::string expected = objects_.function_name(site.function);
  if (expected.starts_with("get ") || expected.starts_with("set ")) {
    expected.erase(0, 4);
  } else if (expected.empty() && newer) {
    expected = objects_.shared_debug_name(site.shared);
    if (size_t dot = expected.rfind('.'); dot != expected.npos) expected.erase(0, dot + 1);
  }
  bool decided = false, is_expected = false, ambiguous = false;
  uint64_t found = 0;
  uint64_t object = receiver;
  for (int i = 0; i < kMaxPrototypes; ++i) {
    const MapInfo* map = objects_.map_of(object);
    if (map == nullptr || map->category != Category::kReceiver || !map->has_properties) break;
    objects_.for_each_property(object, [&](const ObjectReader::Property& property) {
      bool holds_function = holds(property, site.function);
      bool is_string = objects_.is_string(property.key);
      // The first property of that name decides about it, whatever it holds.
      if (!decided && !expected.empty() && is_string && objects_.string_length(property.key) <= expected.size() &&
          objects_.string(property.key) == expected) {
        decided = true;
        is_expected = holds_function;
      }
      if (!holds_function || !is_string || !property.enumerable) return true;
      if (found != 0 && (!newer || found != property.key)) ambiguous = true;
      found = property.key;
      return true;
    });
    object = objects_.field(map->map + 1, objects_.heap().layout().map.prototype);
  }
  if (is_expected) return expected;
  return found != 0 && !ambiguous ? objects_.string(found).value_or("") : std::string();
}

CallSiteNames::CallKey CallSiteNames::key_of(const CallSite& site) const {
  auto map_of = [&](uint64_t word) {
    const MapInfo* map = objects_.map_of(word);
    return map != nullptr ? map->map : 0;
  };
  uint64_t receiver = site.receiver.value_or(0);
  uint64_t called = uint64_t{site.constructor} | uint64_t{site.async} << 1 | uint64_t{site.receiver.has_value()} << 2;
  uint64_t map = site.receiver_map != 0 ? site.receiver_map : map_of(receiver);
  return {site.function, site.shared, receiver, map, called};
}

std::string CallSiteNames::text(const CallSite& site) const {
  constexpr size_t kMostNames = 10'000;
  constexpr std::chrono::seconds kMoment(1);
  if (!objects_.heap().is_live()) return find_text(site);
  auto now = std::chrono::steady_clock::now();
  if (remembered_.size() >= kMostNames) remembered_.clear();
  Remembered& known = remembered_[key_of(site)];
  if (known.when == std::chrono::steady_clock::time_point() || now - known.when > kMoment)
    known = {now, find_text(site)};
  return known.text;
}

std::string CallSiteNames::find_text(const CallSite& site) const {
  std::string name = function_name(site);
  std::string prefix = site.async ? "async " : "";
  if (site.constructor) return prefix + "new " + (name.empty() ? "<anonymous>" : name);
  bool by_map = site.receiver_map != 0;
  if (!by_map && (!site.receiver || is_top_level(*site.receiver))) return prefix + name;
  const V8Version& version = objects_.heap().layout().version;
  std::string type = by_map ? type_name_by_map(site.receiver_map) : type_name(*site.receiver);
  // An object that was not allocated has methods from its prototypes only, as far as can be seen.
  const MapInfo* map = by_map ? objects_.map_info(site.receiver_map) : nullptr;
  uint64_t holder = map ? objects_.field(map->map + 1, objects_.heap().layout().map.prototype) : 0;
  std::string method = method_name(site, by_map ? holder : *site.receiver);
  if (name.empty()) return prefix + (type.empty() ? "" : type + ".") + (method.empty() ? "<anonymous>" : method);
  bool with_type = version >= kTypeOfIdentifiersOnly ? is_identifier(name) && name != type : !name.starts_with(type);
  std::string text = prefix;
  if (!type.empty() && with_type) text += type + ".";
  text += name;
  auto ends_with_method = [&](char separator) { return name.ends_with(separator + method); };
  bool obvious = name == method || ends_with_method('.') || (version >= kMethodAfterBlank && ends_with_method(' '));
  if (!method.empty() && !obvious) text += " [as " + method + "]";
  return text;
}

}  // namespace inquest::v8
