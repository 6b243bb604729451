// Feeds arbitrary bytes to everything that reads a core before a command can run: headers, notes, memory, modules,
// thread-local variables, and the search for V8.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "postmortem/elf/core_target.h"
#include "v8/runtime.h"

namespace {

// A core is opened by path; this one has no name on any disk.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : descriptor_(memfd_create("core", MFD_CLOEXEC)) {
    while (size > 0) {
      const ssize_t written = write(descriptor_, data, size);
      if (written <= 0) abort();
      data += written;
      size -= static_cast<size_t>(written);
    }
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

void use(const inquest::Target& target) {
  uint64_t sum = 0;
  for (const inquest::MemoryRegion& region : target.memory().regions()) {
    for (std::byte byte : target.memory().view(region.start, 4096)) sum += static_cast<uint8_t>(byte);
    (void)target.memory().fault_at(region.start + region.available, 8);
    for (const inquest::DataExtent& extent : target.memory().data_extents(region.start, region.size)) {
      sum += target.memory().view(extent.start, 16).size();
    }
  }
  for (const inquest::Module& module : target.modules()) {
    if (!module.symbols) continue;
    (void)module.symbols->covering(0x1000);
    for (const inquest::Thread& thread : target.threads()) {
      (void)target.tls_address(thread, module, inquest::Symbol{.name = "x", .value = 0, .size = 8, .is_tls = true});
    }
  }
  for (const inquest::Thread& thread : target.threads()) {
    sum += target.memory().read_u64(thread.registers.sp()).value_or(0);
  }
  // Keeps the reads.
  volatile uint64_t sink = sum;
  (void)sink;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Compressed cores are expanded into a cache on disk; that is zstd's, lz4's and zlib's own ground to fuzz.
  if (size >= 2 && data[0] != 0x7f && (data[0] == 0x28 || data[0] == 0x04 || data[0] == 0x1f)) return 0;
  const MemoryFile file(data, size);
  auto target =
      inquest::elf::open_core({.core = file.path(), .executable = {}, .sysroot = {}, .debug_dirs = {}, .progress = {}});
  if (!target) return 0;
  use(**target);
  auto runtime = inquest::v8::open_runtime(**target);
  if (runtime) (void)(*runtime)->census({});
  return 0;
}
