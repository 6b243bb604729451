// The references in one object, word by word, with what is known of each from the object's type alone: whether it keeps
// its target alive. The words of the maps at the beginning of objects are left out.
//
// Upstream: src/objects/objects-body-descriptors-inl.h says which words of which type are tagged; here every aligned
// word that points to an object start counts, except in objects that hold raw bytes (Body::kData).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "v8/heap/heap.h"
#include "v8/heap/object_index.h"

namespace inquest::v8 {

enum class Strength : uint8_t {
  kStrong,
  kWeak,       ///< does not keep its target alive: weak tag, WeakCell, JSWeakRef, key of a WeakMap
  kEphemeron,  ///< value of a WeakMap: kept alive while its key lives
  kEmbedded,   ///< in instructions: weak when the target is a receiver, a map or a context
               ///< (Code::IsWeakObjectInOptimizedCode)
};

class ObjectReferences {
 public:
  explicit ObjectReferences(const Heap& heap)
      : heap_(heap), first_weak_(heap.layout().version >= V8Version{14, 2} ? 24 : 16) {}

  /// Calls visit(offset, target, page, strength) for every reference to an object start; `target` is untagged and lies
  /// on `page`. References to what a running scavenge has moved already give its new place. Of instructions, whose
  /// embedded pointers lie at any byte, the offset is that byte.
  template <class Visit>
  void for_each(const MapInfo& map, const std::byte* bytes, uint64_t size, Visit&& visit) const {
    switch (map.body) {
      case Body::kData: return;
      case Body::kTagged:
      case Body::kMap:
        for (uint64_t at = 8; at + 8 <= size; at += 8) offer(load(bytes + at), at, Strength::kStrong, visit);
        return;
      case Body::kWeakTarget: {
        bool weak_ref = map.category == Category::kReceiver;
        for (uint64_t at = 8; at + 8 <= size; at += 8) {
          bool weak = weak_ref ? at == 24 : at == first_weak_ || at == first_weak_ + 8;
          offer(load(bytes + at), at, weak ? Strength::kWeak : Strength::kStrong, visit);
        }
        return;
      }
      case Body::kEphemerons:  // length, three counters, then pairs of key and value from 40 on
        for (uint64_t at = 40; at + 16 <= size; at += 16) {
          offer(load(bytes + at), at, Strength::kWeak, visit);
          offer(load(bytes + at + 8), at + 8, Strength::kEphemeron, visit);
        }
        return;
      case Body::kCode: {
        uint64_t header = std::min<uint64_t>(size, kCodeHeader);
        for (uint64_t at = 8; at + 8 <= header; at += 8) offer(load(bytes + at), at, Strength::kStrong, visit);
        for (uint64_t at = header; at + 8 <= size; ++at) offer(load(bytes + at), at, Strength::kEmbedded, visit);
        return;
      }
      case Body::kWeakTable:
        for (uint64_t at = 8; at + 8 <= size; at += 8) offer(load(bytes + at), at, Strength::kWeak, visit);
        return;
    }
  }

 private:
  static constexpr uint64_t kCodeHeader = 64;

  static uint64_t load(const std::byte* bytes) {
    uint64_t word;
    std::memcpy(&word, bytes, sizeof word);
    return word;
  }

  template <class Visit>
  void offer(uint64_t word, uint64_t offset, Strength strength, Visit& visit) const {
    uint64_t tag = word & kTagMask;
    if (tag != kHeapObjectTag) {
      if (tag != kWeakTag) return;
      strength = Strength::kWeak;
    }
    uint64_t address = word & ~kTagMask;
    const Page* page = heap_.pages().page_of(address);
    if (!page) return;
    if (!ObjectIndex::is_start(*page, address)) {
      address = page->from_space ? forwarded(*page, address) : 0;
      page = address != 0 ? heap_.pages().page_of(address) : nullptr;
      if (!page || page->from_space || !ObjectIndex::is_start(*page, address)) return;
    }
    visit(offset, address, *page, strength);
  }

  /// Where the object at `address` went (MapWord::FromForwardingAddress); 0 when it was not moved.
  static uint64_t forwarded(const Page& from, uint64_t address) {
    if (from.stale || !from.contains(Address(address)) || !from.contains(Address(address + 7))) return 0;
    uint64_t target = load(from.data + (address - from.area_start.value()));
    return target % 8 == 0 ? target : 0;
  }

  const Heap& heap_;
  uint64_t first_weak_;  ///< WeakCell::target
};

}  // namespace inquest::v8
