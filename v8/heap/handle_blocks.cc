#include "v8/heap/handle_blocks.h"

#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "v8/heap/parallel.h"
#include "v8/layout/layout.h"

namespace inquest::v8 {
namespace {

constexpr uint64_t kBlockBytes = 1022 * 8;
constexpr uint64_t kImplementerWords = 40;  ///< its fields up to the spare block end well before
constexpr size_t kMostBlocks = 1 << 16;     ///< half a gigabyte of handles; more is no list of blocks
constexpr uint64_t kMallocSize = 0x2000;    ///< glibc's chunk around one block, flags apart

struct Current {
  uint64_t block = 0;
  uint64_t next = 0;
};

class Finder {
 public:
  Finder(const MemoryReader& memory, Address isolate)
      : memory_(memory), isolate_(memory.view(isolate, kIsolateStructBytes)) {}

  std::vector<DataExtent> find() const {
    for (size_t i = 0; i + 1 < words(); ++i) {
      uint64_t next = word(i), limit = word(i + 1);
      bool in_block = next != 0 && next % 8 == 0 && limit % 8 == 0 && next <= limit && limit - next <= kBlockBytes;
      if (!in_block) continue;
      Current current{limit - kBlockBytes, next};
      if (!holds_handles(current)) continue;
      for (size_t field = 0; field < words(); ++field) {
        if (auto closed = closed_by(Address(word(field)), current)) return *closed;
      }
    }
    return {};
  }

 private:
  size_t words() const { return isolate_.size() / 8; }
  uint64_t word(size_t index) const {
    uint64_t value;
    std::memcpy(&value, isolate_.data() + 8 * index, sizeof value);
    return value;
  }

  bool may_be_of_malloc(Address address) const {
    const MemoryRegion* region = memory_.region_of(address);
    return region && region->writable && region->path.empty();
  }

  /// Whether the part in use is what handles are: Smis and tagged pointers, in memory of malloc's.
  bool holds_handles(const Current& current) const {
    if (!may_be_of_malloc(Address(current.block))) return false;
    auto block = memory_.view(Address(current.block), kBlockBytes);
    if (block.size() != kBlockBytes) return false;
    for (uint64_t at = 0; at < current.next - current.block; at += 8) {
      uint64_t handle;
      std::memcpy(&handle, block.data() + at, sizeof handle);
      bool smi = (handle & 0xffffffff) == 0;
      if (!smi && !is_heap_object(handle)) return false;
    }
    return true;
  }

  /// The blocks of a list that ends with the current one; empty when `list` is none.
  std::vector<uint64_t> blocks_of(Address list, const Current& current) const {
    std::vector<uint64_t> blocks;
    for (; blocks.size() < kMostBlocks; list += 8) {
      auto block = memory_.read_u64(list);
      if (!block || *block == 0 || *block % 8 != 0) return {};
      blocks.push_back(*block);
      if (*block == current.block) return blocks;
      // Every block before the last is a whole one.
      if (memory_.view(Address(*block), kBlockBytes).size() != kBlockBytes) return {};
    }
    return {};
  }

  /// What is closed when `implementer` is the isolate's HandleScopeImplementer.
  std::optional<std::vector<DataExtent>> closed_by(Address implementer, const Current& current) const {
    // Thousands of the isolate's words lead to code and data of the program instead.
    if (implementer.is_null() || implementer.value() % 8 != 0 || !may_be_of_malloc(implementer)) return std::nullopt;
    auto fields = memory_.view(implementer, kImplementerWords * 8);
    std::vector<uint64_t> blocks;
    std::vector<DataExtent> closed;
    for (size_t at = 0; at + 8 <= fields.size(); at += 8) {
      uint64_t value;
      std::memcpy(&value, fields.data() + at, sizeof value);
      if (value == 0 || value % 8 != 0) continue;
      if (blocks.empty()) {
        blocks = blocks_of(Address(value), current);
      } else if (value != current.block && is_spare(value, blocks)) {
        closed.push_back({Address(value), kBlockBytes});
        break;
      }
    }
    if (blocks.empty()) return std::nullopt;
    closed.push_back({Address(current.next), current.block + kBlockBytes - current.next});
    return closed;
  }

  /// A block that malloc gave out for handles and that is not in the list.
  bool is_spare(uint64_t block, std::span<const uint64_t> blocks) const {
    for (uint64_t used : blocks) {
      if (used == block) return false;
    }
    auto size = memory_.read_u64(Address(block - 8));
    return size && (*size & ~7ull) == kMallocSize;
  }

  const MemoryReader& memory_;
  std::span<const std::byte> isolate_;
};

}  // namespace

std::vector<DataExtent> closed_background_handles(const MemoryReader& memory, std::span<const DataExtent> native) {
  constexpr std::pair<size_t, size_t> kPersistent{0, 3}, kLocal{3, 0};  // where the vector stands, and next with limit
  auto current_block = [&](const uint64_t* vector, const uint64_t* scope) {
    auto [begin, end, capacity] = std::array{vector[0], vector[1], vector[2]};
    auto [next, limit] = std::array{scope[0], scope[1]};
    bool shaped = next != 0 && next <= limit && limit - next <= kBlockBytes && begin != 0 && begin < end &&
                  end <= capacity && (begin | end | capacity | next | limit) % 8 == 0 && end - begin <= 8 * kMostBlocks;
    auto last = shaped ? memory.read_u64(Address(end - 8)) : std::nullopt;
    return last && *last + kBlockBytes == limit;
  };
  std::vector<std::vector<DataExtent>> found(worker_count());
  parallel_for(native.size(), found.size(), [&](size_t worker, size_t piece) {
    auto bytes = memory.view(native[piece].start, native[piece].size);
    uint64_t words[6];
    for (size_t at = 0; at + sizeof words <= bytes.size(); at += 8) {
      std::memcpy(words, bytes.data() + at, sizeof words);
      for (const auto& [vector, scope] : {kPersistent, kLocal}) {
        if (!current_block(words + vector, words + scope)) continue;
        found[worker].push_back({Address(words[scope]), words[scope + 1] - words[scope]});
      }
    }
  });
  std::vector<DataExtent> closed;
  for (const auto& part : found) closed.insert(closed.end(), part.begin(), part.end());
  return closed;
}

std::vector<DataExtent> closed_handles(const MemoryReader& memory, Address isolate) {
  return Finder(memory, isolate).find();
}

}  // namespace inquest::v8
