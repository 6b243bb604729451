// Memory of a process that goes on running, read through /proc/PID/mem.
//
// That file belongs to the memory the process had when it was opened: after exec or its end, or when another process
// has got its number, nothing can be read any more. That it is the process of an event is proved by AT_RANDOM. What has
// been read is kept, page by page, at a place of its own until the next refresh, so that a view stays where it is.
// Reading is no snapshot: the process changes what is being read.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "postmortem/model/lazy_memory.h"
#include "postmortem/model/target.h"

namespace inquest::probes {

class LiveMemory : public MemoryReader, public LazyMemory {
 public:
  /// Null when the process is gone, is another one, or may not be read.
  static std::unique_ptr<LiveMemory> open(uint64_t pid, const AtRandom& at_random);
  ~LiveMemory() override;
  LiveMemory(const LiveMemory&) = delete;
  LiveMemory& operator=(const LiveMemory&) = delete;

  /// What was read before is void. False once the program has ended.
  bool refresh();

  std::span<const std::byte> view(Address address, uint64_t limit) const override;
  /// As they were a second ago at most.
  const std::vector<MemoryRegion>& regions() const override { return regions_; }

  const std::byte* place_of(Address start, uint64_t size) const override;
  bool load(Address start, uint64_t size) const override;
  uint64_t generation() const override { return generation_; }
  uint64_t age() const override { return 0; }

 private:
  /// Our side of a part of the address space.
  struct Window {
    std::byte* bytes = nullptr;
    uint32_t* stamps = nullptr;  ///< of each page: generation << 1 | whether it could be read
  };
  LiveMemory(uint64_t pid, int descriptor) : pid_(pid), descriptor_(descriptor) {}

  bool is_of(const AtRandom& at_random);
  void read_regions();
  void drop_all() const;
  const Window* window_of(uint64_t address) const;
  /// How many bytes from `address` on, at most `size`, are there now. Not beyond the window.
  uint64_t load_in(const Window& window, uint64_t address, uint64_t size) const;
  void load_run(const Window& window, uint64_t address, uint64_t pages) const;

  uint64_t pid_;
  int descriptor_;
  uint64_t at_random_address_ = 0;
  uint32_t generation_ = 1;
  int64_t regions_read_ = 0;  ///< when, in nanoseconds
  std::vector<MemoryRegion> regions_;
  mutable std::unordered_map<uint64_t, Window> windows_;
  mutable uint64_t pages_ = 0;  ///< that hold something
};

}  // namespace inquest::probes
