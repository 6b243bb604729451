#include "v8/node/heap_limits.h"

#include <bit>
#include <cstring>
#include <vector>

namespace inquest::v8 {
namespace {

constexpr size_t kWordsOfHeap =
    512;  ///< limits are at 0x20 to 0x110 in all versions, the pointer to HeapLimits at 0x7b8
constexpr size_t kWordsOfLimits = 16;  ///< HeapLimits, 14.x: the largest size at 0x30
constexpr uint64_t kPage = 0x1000;
constexpr uint64_t kSmallestOld = 1ull << 20, kLargestOld = 1ull << 40;
constexpr uint64_t kSmallestSemi = 1ull << 19, kLargestSemi = 1ull << 33;

std::vector<uint64_t> words_at(const MemoryReader& memory, Address address, size_t count) {
  auto bytes = memory.view(address, count * 8);
  std::vector<uint64_t> words(bytes.size() / 8);
  std::memcpy(words.data(), bytes.data(), words.size() * 8);
  return words;
}

/// Index of max_global_memory_size: twice max_old_generation_size, which stands two words before; right behind comes
/// the initial size of the old generation, which is at most the largest.
std::optional<size_t> find_global(const std::vector<uint64_t>& words) {
  for (size_t i = 2; i + 1 < words.size(); ++i) {
    uint64_t old = words[i - 2], least = words[i - 1];
    bool sound = old >= kSmallestOld && old <= kLargestOld && old % kPage == 0 && words[i] == 2 * old &&
                 least <= words[i] && least % kPage == 0;
    if (sound) return i;
  }
  return std::nullopt;
}

bool is_semi_space(uint64_t size) {
  return size >= kSmallestSemi && size <= kLargestSemi && (std::has_single_bit(size) || std::has_single_bit(size / 3));
}

/// The largest, the first and, since 13.x, the smallest size of a semi-space, side by side.
std::optional<uint64_t> semi_space(const std::vector<uint64_t>& words, size_t end) {
  for (size_t i = end; i-- > 1;) {
    if (!is_semi_space(words[i]) || !is_semi_space(words[i - 1]) || words[i - 1] < words[i]) continue;
    size_t first = i - 1;
    while (first > 0 && is_semi_space(words[first - 1]) && words[first - 1] >= words[first]) --first;
    return words[first];
  }
  return std::nullopt;
}

}  // namespace

std::optional<HeapLimits> find_heap_limits(const Heap& heap, const Isolate& isolate) {
  const MemoryReader& memory = heap.target().memory();
  if (isolate.heap.is_null()) return std::nullopt;
  std::vector<uint64_t> words = words_at(memory, isolate.heap, kWordsOfHeap);
  if (auto global = find_global(words)) {
    auto semi = semi_space(words, *global - 2);
    if (semi) return HeapLimits{words[*global - 2], *semi};
  }
  for (uint64_t word : words) {
    if (word % 8 != 0 || memory.read_pointer(Address(word)) != isolate.heap) continue;
    std::vector<uint64_t> limits = words_at(memory, Address(word), kWordsOfLimits);
    auto global = find_global(limits);
    auto semi = semi_space(words, std::min<size_t>(words.size(), 64));
    if (global && semi) return HeapLimits{limits[*global - 2], *semi};
  }
  return std::nullopt;
}

}  // namespace inquest::v8
