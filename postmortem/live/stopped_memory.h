// Memory of a process that a debugger holds stopped, read through /proc/PID/mem when it is first looked at.
//
// That file belongs to the memory the process had when it was opened: once that is gone nothing can be read any more,
// and another process that has got the number is never read. Each page has a place on our side that it keeps, so that
// views stay where they are; neighbouring mappings lie side by side there. Nothing is written, and pages that the
// process has never touched (/proc/PID/pagemap, Documentation/admin-guide/mm/pagemap.rst) are not touched by reading
// either: they are zeros. What is read is as it was when it was read, which is no difference as long as nobody lets the
// process run or writes into it; `is_unchanged` tells.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "postmortem/live/mappings.h"
#include "postmortem/model/memory_reader.h"
#include "postmortem/model/result.h"

namespace inquest::live {

class StoppedMemory : public MemoryReader {
 public:
  /// `mappings`: those of the process. kUnusable when it may not be read or is gone.
  static Result<std::unique_ptr<StoppedMemory>> open(uint64_t pid, std::vector<Mapping> mappings);
  ~StoppedMemory() override;
  StoppedMemory(const StoppedMemory&) = delete;
  StoppedMemory& operator=(const StoppedMemory&) = delete;

  std::span<const std::byte> view(Address address, uint64_t limit) const override;
  const std::vector<MemoryRegion>& regions() const override { return regions_; }
  /// Without the pages of anonymous memory that the process has never touched.
  std::vector<DataExtent> data_extents(Address start, uint64_t size) const override;

  /// The pages of programs and libraries whose code is not the file's any more, as a debugger makes them when it sets
  /// breakpoints. At most kMaxPatchedPages.
  std::vector<Address> patched_code() const;
  /// What the process would have there without the debugger. Before anything else looks at it; whole pages.
  void replace(Address start, std::span<const std::byte> bytes);

  /// Whether what has been read is still what the process has there; code is not looked at, into which debuggers write
  /// their breakpoints. False too when it cannot be read any more.
  bool is_unchanged() const;

  /// Mappings too large to be anything but reserved room, which are not read.
  uint64_t left_out() const { return left_out_; }

  static constexpr uint64_t kPage = 4096;
  static constexpr size_t kMaxPatchedPages = 4096;

 private:
  enum State : uint8_t { kUnknown, kLoaded, kUnreadable };
  /// Readable mappings that lie side by side, and our side of them.
  struct Run {
    uint64_t start = 0, size = 0;
    std::byte* bytes = nullptr;
    std::atomic<uint8_t>* states = nullptr;  ///< of each page
    uint64_t end() const { return start + size; }
  };
  struct Range {
    uint64_t start = 0, end = 0;
  };

  StoppedMemory(int memory, int page_map) : memory_(memory), page_map_(page_map) {}
  void take(std::vector<Mapping> mappings);
  void add_run(Range range);
  void reserve_runs();

  const Run* run_of(uint64_t address) const;
  /// How many bytes from `address` on, at most `size`, are there now. Not beyond the run.
  uint64_t load(const Run& run, uint64_t address, uint64_t size) const;
  void load_block(const Run& run, uint64_t from, uint64_t to) const;
  /// Reads [from, to) to `out`; calls back for each page whether it could be read.
  template <class OnPages>
  void read_pages(uint64_t from, uint64_t to, std::byte* out, const OnPages& on_pages) const;
  bool same_now(const Run& run, Range range, std::vector<std::byte>& buffer) const;
  /// The parts of [from, to) that have to be read; the rest are zeros.
  std::vector<Range> touched(uint64_t from, uint64_t to) const;
  bool page_entries(uint64_t from, std::span<uint64_t> entries) const;

  int memory_, page_map_;  ///< page_map_: -1 when the kernel does not tell
  std::vector<MemoryRegion> regions_;
  std::vector<bool> anonymous_;  ///< per region: nothing but what the process has written is in it
  std::vector<Run> runs_;        ///< by address
  uint64_t left_out_ = 0;
  mutable std::array<std::mutex, 64> locks_;  ///< by block
};

}  // namespace inquest::live
