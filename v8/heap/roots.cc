#include "v8/heap/roots.h"

#include <algorithm>
#include <cstring>
#include <map>

namespace inquest::v8 {
namespace {

constexpr uint64_t kMapBytes = 72;  // Map::kSize is 72 or 80
constexpr size_t kMaxRoots = 4096;  // 1156 in 14.6
/// Heap lies up to 0xf3c0 behind the isolate's start; the roots table is near that start.
constexpr uint64_t kMaxHeapOffset = 0x18000;

std::vector<std::string> names_at(const Target& target, Address array, size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) {
    auto pointer = target.memory().read_pointer(array + 8 * i);
    auto name = pointer ? target.memory().read_c_string(*pointer, 128) : std::nullopt;
    if (!name || name->empty()) break;
    names.push_back(*name);
  }
  return names;
}

/// Addresses at which the NUL-terminated `text` lies in the module's readable memory.
std::vector<Address> find_text(const Target& target, const Module& module, std::string_view text) {
  std::string needle = std::string(1, '\0') + std::string(text) + std::string(1, '\0');
  std::vector<Address> found;
  for (const MemoryRegion& region : target.memory().regions()) {
    if (region.end() <= module.start || region.start >= module.end || region.available == 0) continue;
    auto view = target.memory().view(region.start, region.available);
    std::string_view bytes(reinterpret_cast<const char*>(view.data()), view.size());
    for (size_t at = bytes.find(needle); at != std::string_view::npos && found.size() < 16;
         at = bytes.find(needle, at + 1)) {
      found.push_back(region.start + at + 1);
    }
  }
  return found;
}

bool looks_like_root_name(const std::string& name) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

/// Position of a pointer to one of `texts` in the module's data, then the extent of the array of names around it.
std::vector<std::string> find_names_by_data(const Target& target, const Module& module) {
  std::vector<Address> texts = find_text(target, module, "free_space_map");
  for (const MemoryRegion& region : target.memory().regions()) {
    if (texts.empty()) break;
    if (region.end() <= module.start || region.start >= module.end || region.available == 0) continue;
    auto view = target.memory().view(region.start, region.available);
    for (size_t at = 0; at + 8 <= view.size(); at += 8) {
      uint64_t word;
      std::memcpy(&word, view.data() + at, 8);
      if (std::find(texts.begin(), texts.end(), Address(word)) == texts.end()) continue;
      // Backwards to the first name, then forwards.
      Address first = region.start + at;
      for (size_t step = 0; step < kMaxRoots; ++step) {
        auto names = names_at(target, first - 8, 1);
        if (names.empty() || !looks_like_root_name(names[0])) break;
        first = first - 8;
      }
      auto names = names_at(target, first, kMaxRoots);
      auto end =
          std::find_if(names.begin(), names.end(), [](const std::string& name) { return !looks_like_root_name(name); });
      names.erase(end, names.end());
      if (names.size() > 300) return names;
    }
  }
  return {};
}

bool is_map(const PageTable& pages, const Layout& layout, uint16_t map_type, uint64_t word) {
  if (!is_heap_object(word)) return false;
  auto map = pages.word(word - 1);
  if (!map || !is_heap_object(*map)) return false;
  const std::byte* bytes = pages.bytes(*map - 1, kMapBytes);
  if (!bytes) return false;
  uint16_t type;
  std::memcpy(&type, bytes + layout.map.instance_type, 2);
  return type == map_type;
}

}  // namespace

RootNames RootNames::load(const Target& target, const Module& module) {
  RootNames result;
  auto symbol = module.symbols ? module.symbols->find("_ZN2v88internal10RootsTable11root_names_E") : std::nullopt;
  if (symbol) {
    size_t count = symbol->size ? symbol->size / 8 : kMaxRoots;
    result.names_ = names_at(target, module.runtime(symbol->value), std::min(count, kMaxRoots));
    result.source_ = "symbol";
  }
  if (result.names_.size() < 100) {
    result.names_ = find_names_by_data(target, module);
    result.source_ = result.names_.empty() ? "" : "data search";
  }
  for (size_t i = 0; i < result.names_.size(); ++i) result.indexes_.emplace(result.names_[i], i);
  return result;
}

std::optional<size_t> RootNames::index_of(std::string_view name) const {
  auto found = indexes_.find(std::string(name));
  return found == indexes_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Roots> find_roots(const Target& target, const PageTable& pages, const Layout& layout,
                                const RootNames& names, uint16_t map_type, Address heap) {
  std::vector<size_t> map_indexes;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names.names()[i].ends_with("_map")) map_indexes.push_back(i);
  }
  if (map_indexes.size() < 20) return std::nullopt;
  uint64_t from = heap.value() > kMaxHeapOffset ? heap.value() - kMaxHeapOffset : 0;
  // The isolate is one allocation, but it may begin closer to a mapping's start than kMaxHeapOffset.
  if (const MemoryRegion* region = target.memory().region_of(heap)) from = std::max(from, region->start.value());
  from = (from + 7) & ~7ull;
  auto bytes = target.memory().view(Address(from), heap.value() - from);
  Roots best;
  for (uint64_t at = 0; at + 8 * names.size() <= bytes.size(); at += 8) {
    size_t found = 0;
    for (size_t i = 0; i < map_indexes.size(); ++i) {
      uint64_t word;
      std::memcpy(&word, bytes.data() + at + 8 * map_indexes[i], 8);
      if (is_map(pages, layout, map_type, word)) ++found;
      if (i == 7 && found < 4) break;
    }
    if (found > best.maps_found) {
      best.maps_found = found;
      best.table = Address(from + at);
    }
  }
  best.maps_expected = map_indexes.size();
  if (best.maps_found < 20 || best.maps_found * 2 < best.maps_expected) return std::nullopt;
  best.values.resize(names.size());
  std::memcpy(best.values.data(), bytes.data() + (best.table.value() - from), 8 * names.size());
  return best;
}

std::optional<uint16_t> guess_map_type(const PageTable& pages, const Layout& layout) {
  std::map<uint16_t, size_t> votes;
  for (const Page& page : pages.pages()) {
    if (!pages.load(page)) continue;
    for (uint64_t at = 0; at + 80 <= page.area_size() && at < kPageAlignment; at += 8) {
      uint64_t word;
      std::memcpy(&word, page.data + at, 8);
      if (word != page.area_start.value() + at + 1) continue;
      uint16_t type;
      std::memcpy(&type, page.data + at + layout.map.instance_type, 2);
      ++votes[type];
    }
  }
  auto best =
      std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return best == votes.end() ? std::nullopt : std::optional(best->first);
}

}  // namespace inquest::v8
