#include "v8/objects/describe.h"

#include <fmt/format.h>

#include "v8/objects/shape.h"

namespace inquest::v8 {
namespace {
constexpr size_t kStringUnits = 16;  // llnode's default for -l
constexpr uint64_t kElements = 16;
constexpr size_t kProperties = 1024;

double as_double(uint64_t bits) {
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
}  // namespace

Describer::Describer(const Heap& heap) : heap_(heap), maps_(heap.new_map_cache()), objects_(heap, maps_) {
  for (const Isolate& isolate : heap.isolates()) names_.emplace_back(objects_, isolate.index);
}

const ConstructorNames& Describer::names_for(uint64_t word) {
  const Page* page = heap_.pages().page_of(word - 1);
  return names_[page ? page->isolate : 0];
}

std::string Describer::reference(uint64_t word) {
  return is_heap_object(word) ? fmt::format("0x{:x}:{}", word, brief(word)) : brief(word);
}

std::string Describer::brief(uint64_t word) {
  if (is_smi(word)) return fmt::format("<Smi: {}>", smi_value(word));
  const MapInfo* map = objects_.map_of(word);
  if (!map) return "<unknown>";
  return object(word, *map, false);
}

std::string Describer::detailed(uint64_t word) {
  const MapInfo* map = objects_.map_of(word);
  if (!map) return brief(word);
  return object(word, *map, true);
}

std::string Describer::object(uint64_t word, const MapInfo& map, bool with_members) {
  switch (map.category) {
    case Category::kString: {
      uint32_t length = objects_.string_length(word).value_or(0);
      std::string text = objects_.string(word, with_members ? 4096 : kStringUnits).value_or("");
      bool cut = length > (with_members ? 4096 : kStringUnits);
      return fmt::format("<String: \"{}{}\">", text, cut ? "..." : "");
    }
    case Category::kNumber: return fmt::format("<Number: {:f}>", as_double(objects_.field(word, 8)));
    case Category::kSymbol: return fmt::format("<Symbol: {}>", property_name(objects_, word));
    case Category::kReceiver: break;
    default: {
      const std::string& name = heap_.types()[map.type].name;
      if (name == "Oddball" || name == "Hole") {
        for (const char* root : {"undefined_value", "null_value", "true_value", "false_value", "the_hole_value"}) {
          if (heap_.root(root) != word) continue;
          std::string_view text = root;
          text.remove_suffix(6);
          return fmt::format("<{}>", text == "the_hole" ? "hole" : text);
        }
      }
      return fmt::format("<{}>", name.empty() ? "unknown" : name);
    }
  }
  if (objects_.is_function(word)) return fmt::format("<function: {}>", objects_.function_name(word));
  if (map.type == heap_.types().js_array) {
    return fmt::format("<Array: length={}{}>", element_count(objects_, map, word),
                       with_members ? " {" + elements(word, map) + "}" : "");
  }
  std::string name = names_for(word).name(map, word);
  return fmt::format("<Object: {}{}>", name, with_members ? members(word, map) : "");
}

std::string Describer::members(uint64_t word, const MapInfo& map) {
  std::string text;
  if (element_count(objects_, map, word) > 0) text += " elements {" + elements(word, map) + "}";
  std::string properties;
  size_t count = 0;
  objects_.for_each_property(word, [&](const ObjectReader::Property& property) {
    properties += fmt::format("{}\n    .{}={}", count ? "," : "", property_name(objects_, property.key),
                              property_value(property));
    return ++count < kProperties;
  });
  if (count) text += fmt::format("{} properties {{{}}}", text.empty() ? "" : "\n ", properties);
  return text;
}

std::string Describer::property_value(const ObjectReader::Property& property) {
  if (property.raw_double) return fmt::format("<Number: {:f}>", as_double(property.value));
  if (property.accessor) return "<Accessor>";
  return reference(property.value);
}

std::string Describer::elements(uint64_t word, const MapInfo& map) {
  uint64_t store = objects_.field(word, 16);
  const MapInfo* store_map = objects_.map_of(store);
  if (!store_map) return "";
  uint64_t count = std::min<uint64_t>(element_count(objects_, map, word), kElements);
  bool doubles = heap_.types()[store_map->type].name == "FixedDoubleArray";
  std::string text;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t value = objects_.field(store, 16 + 8 * i);
    text += fmt::format("{}\n    [{}]={}", i ? "," : "", i,
                        doubles ? fmt::format("<Number: {:f}>", as_double(value)) : reference(value));
  }
  return text;
}

}  // namespace inquest::v8
