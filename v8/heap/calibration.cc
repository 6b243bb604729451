#include "v8/heap/calibration.h"

#include <array>
#include <cstring>

#include "v8/heap/heap.h"

namespace inquest::v8 {
namespace {

constexpr size_t kEnoughVotes = 200;
constexpr size_t kMaxPages = 64;        // where votes are rare
constexpr size_t kMaxSilentPages = 96;  // where there are none at all: then the question hardly matters

uint64_t load64(const std::byte* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

/// Something begins at `offset`: an object, the end of the area, or a linear allocation area.
bool begins_something(const Heap& heap, const Page& page, MapCache& maps, uint64_t offset) {
  if (offset == page.area_size()) return true;
  if (offset + 8 > page.area_size() || offset % 8) return false;
  for (const LinearArea& area : heap.areas_of(page)) {
    if (area.top == page.area_start.value() + offset) return true;
  }
  uint64_t word = load64(page.data + offset);
  if (maps.find(word) != nullptr) return true;
  // What was there has moved: a page that a collection was emptying has its new address in place of the map.
  if (word == 0 || word % 8 != 0) return false;
  auto moved = heap.pages().word(word);
  return moved && maps.find(*moved) != nullptr;
}

/// For every word of the heap that equals `map`: votes[i] counts how often candidate i's size leads on.
template <size_t N, class SizeOf>
std::array<size_t, N> vote(const Heap& heap, MapCache& maps, uint64_t map, SizeOf size_of) {
  std::array<size_t, N> votes{};
  size_t cast = 0, pages = 0;
  if (map == 0) return votes;
  for (const Page& page : heap.pages().pages()) {
    if (page.large || page.stale || !heap.pages().load(page)) continue;
    if (cast >= kEnoughVotes || ++pages > (cast ? kMaxPages : kMaxSilentPages)) break;
    for (uint64_t at = 0; at + 64 <= page.area_size() && cast < kEnoughVotes; at += 8) {
      if (load64(page.data + at) != map) continue;
      size_t valid = 0, winner = 0;
      for (size_t i = 0; i < N; ++i) {
        uint64_t size = size_of(i, page.data + at);
        if (size < 16 || size > page.area_size() - at) continue;
        if (begins_something(heap, page, maps, at + size)) {
          ++valid;
          winner = i;
        }
      }
      if (valid == 1) {  // an occurrence that both answers satisfy says nothing
        ++votes[winner];
        ++cast;
      }
    }
  }
  return votes;
}

}  // namespace

std::string vote_free_space_unit(const Heap& heap, MapCache& maps, SizeCalibration& calibration) {
  constexpr std::array<uint32_t, 2> kUnits = {1, 8};
  auto votes = vote<2>(heap, maps, heap.root("free_space_map"), [&](size_t i, const std::byte* bytes) -> uint64_t {
    uint64_t word = load64(bytes + 8);
    return is_smi(word) && smi_value(word) > 0 ? uint64_t{kUnits[i]} * static_cast<uint32_t>(smi_value(word)) : 0;
  });
  bool words = votes[1] != votes[0] ? votes[1] > votes[0] : heap.layout().version >= V8Version{13, 6, 233, 17};
  calibration.free_space_unit = kUnits[words ? 1 : 0];
  return std::string(calibration.free_space_unit == 8 ? "words" : "bytes") + ", voted " + std::to_string(votes[0]) +
         " : " + std::to_string(votes[1]);
}

std::string vote_feedback_vector(const Heap& heap, MapCache& maps, SizeCalibration& calibration) {
  struct Shape {
    uint16_t length;
    uint16_t header;
  };
  constexpr std::array<Shape, 5> kShapes = {{{8, 48}, {8, 56}, {32, 48}, {24, 40}, {8, 40}}};
  auto votes = vote<5>(heap, maps, heap.root("feedback_vector_map"), [&](size_t i, const std::byte* bytes) -> uint64_t {
    uint32_t length;
    std::memcpy(&length, bytes + kShapes[i].length, 4);
    return length < 0x10000 ? kShapes[i].header + 8ull * length : 0;
  });
  size_t best = 0;
  for (size_t i = 1; i < votes.size(); ++i) {
    if (votes[i] > votes[best]) best = i;
  }
  if (votes[best] > 0) {
    calibration.feedback_vector_length = kShapes[best].length;
    calibration.feedback_vector_header = kShapes[best].header;
  }
  return "header " + std::to_string(calibration.feedback_vector_header) + ", voted by " + std::to_string(votes[best]) +
         (votes[best] ? "" : " (from the table)");
}

uint16_t vote_map_descriptors(const Heap& heap) {
  constexpr std::array<uint16_t, 3> kOffsets = {40, 48, 56};
  std::array<size_t, 3> votes{};
  const PageTable& pages = heap.pages();
  uint64_t weak = heap.root("descriptor_array_map");
  uint64_t strong = heap.root("strong_descriptor_array_map");
  for (size_t i = 0; i < heap.root_names().size(); ++i) {
    uint64_t map = heap.isolates().front().roots.values[i];
    if (!heap.root_names().names()[i].ends_with("_map") || !is_heap_object(map)) continue;
    for (size_t k = 0; k < kOffsets.size(); ++k) {
      uint64_t descriptors = pages.word(map - 1 + kOffsets[k]).value_or(0);
      uint64_t its_map = is_heap_object(descriptors) ? pages.word(descriptors - 1).value_or(0) : 0;
      if (its_map != 0 && (its_map == weak || its_map == strong)) ++votes[k];
    }
  }
  size_t best = 0;
  for (size_t k = 1; k < votes.size(); ++k) {
    if (votes[k] > votes[best]) best = k;
  }
  return votes[best] ? kOffsets[best] : heap.layout().map.descriptors;
}

}  // namespace inquest::v8
