#include "v8/objects/describe.h"

#include <fmt/format.h>

#include "v8/heap/root_set.h"
#include "v8/objects/shape.h"

namespace inquest::v8 {
namespace {
constexpr size_t kStringUnits = 16;  // llnode's default for -l

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

std::string Describer::brief(uint64_t word) {
  if (is_smi(word)) return fmt::format("<Smi: {}>", smi_value(word));
  const MapInfo* map = objects_.map_of(word);
  if (!map) return "<unknown>";
  return object(word, *map);
}

std::string Describer::number(double value) { return fmt::format("<Number: {:f}>", value); }

std::string Describer::not_allocated(uint64_t word) {
  const MapInfo* map = objects_.map_info(word);
  if (map == nullptr) return "<unknown>";
  if (map->category != Category::kReceiver) return ConstructorNames::internal_name(heap_, *map);
  bool is_function =
      map->type >= heap_.layout().first_js_function_type && map->type <= heap_.layout().last_js_function_type;
  return is_function ? "<function>" : fmt::format("<Object: {}>", names_for(word).name(*map, 0));
}

std::string Describer::object(uint64_t word, const MapInfo& map) {
  switch (map.category) {
    case Category::kString: {
      uint32_t length = objects_.string_length(word).value_or(0);
      std::string text = objects_.string(word, kStringUnits).value_or("");
      return fmt::format("<String: \"{}{}\">", text, length > kStringUnits ? "..." : "");
    }
    case Category::kNumber: return number(as_double(objects_.field(word, 8)));
    case Category::kSymbol: return fmt::format("<Symbol: {}>", property_name(objects_, word));
    case Category::kReceiver: break;
    default: {
      const std::string& name = heap_.types()[map.type].name;
      if (name == "Oddball" || name == "Hole") {
        for (const char* root : {"undefined_value", "null_value", "true_value", "false_value", "the_hole_value"}) {
          if (!RootSet(heap_, root).contains(word)) continue;
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
    return fmt::format("<Array: length={}>", element_count(objects_, map, word));
  }
  return fmt::format("<Object: {}>", names_for(word).name(map, word));
}

}  // namespace inquest::v8
