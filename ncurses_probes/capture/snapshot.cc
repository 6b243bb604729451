#include "ncurses_probes/capture/snapshot.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "ncurses_probes/capture/running_target.h"
#include "postmortem/elf/core_target.h"
#include "postmortem/elf/elf_headers.h"
#include "postmortem/live/small_core.h"

namespace inquest::probes {
namespace {

constexpr uint64_t kPage = 4096;

using Bytes = std::vector<std::byte>;

bool is_mapped_file(const Mapping& mapping) { return mapping.path.starts_with('/'); }

Bytes read_page(const std::string& path) {
  Bytes page;
  // Only regular files: opening a device may do something.
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return page;
  page.resize(kPage);
  ssize_t size = pread(descriptor, page.data(), kPage, 0);
  close(descriptor);
  page.resize(size > 0 ? static_cast<size_t>(size) : 0);
  bool is_elf = page.size() > SELFMAG && std::memcmp(page.data(), ELFMAG, SELFMAG) == 0;
  return is_elf ? page : Bytes();
}

bool is_device(const std::string& path) {
  for (const char* prefix : {"/dev/", "/memfd:", "/SYSV", "/proc/", "/anon_hugepage"})
    if (path.starts_with(prefix)) return true;
  return false;
}

/// The bytes that tell which build a mapped file is, and the vdso, which is the same in every process.
Bytes contents_of(uint64_t pid, const Mapping& mapping) {
  if (mapping.path == "[vdso]") {
    uint64_t own = getauxval(AT_SYSINFO_EHDR);
    if (own == 0) return {};
    const auto* bytes = reinterpret_cast<const std::byte*>(own);
    return {bytes, bytes + std::min<uint64_t>(mapping.end - mapping.start, 2 * kPage)};
  }
  if (!is_mapped_file(mapping) || mapping.offset != 0 || is_device(mapping.path)) return {};
  Bytes page = read_page(fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, mapping.start, mapping.end));
  if (page.empty()) page = read_page(mapping.path);
  return page;
}

Bytes make_core(uint64_t pid, const std::vector<Mapping>& mappings) {
  auto vdso = std::ranges::find(mappings, "[vdso]", &Mapping::path);
  Elf64_auxv_t auxv[2] = {{.a_type = AT_SYSINFO_EHDR, .a_un = {}}, {.a_type = AT_NULL, .a_un = {}}};
  if (vdso != mappings.end()) auxv[0].a_un.a_val = vdso->start;
  auto known = vdso != mappings.end() ? std::as_bytes(std::span(auxv)) : std::span<const std::byte>();
  return live::write_small_core(mappings, known, [pid](const Mapping& mapping) { return contents_of(pid, mapping); });
}

/// What lies below, and the stack of an event over it. Data of programs and libraries change while they run: what their
/// files hold of it is what it was at the start, and is not given for what it was at the event.
class EventMemory : public MemoryReader {
 public:
  EventMemory(const MemoryReader& below, std::span<const Module> modules) : below_(below) {
    for (const Module& module : modules) hide_data(module);
    std::ranges::sort(hidden_, {}, &Range::start);
  }

  void show(std::vector<StackPiece> pieces) {
    pieces_ = std::move(pieces);
    std::erase_if(pieces_, [](const StackPiece& piece) { return piece.bytes.empty(); });
    regions_.clear();
    for (const StackPiece& piece : pieces_) {
      const MemoryRegion* first = below_.region_of(piece.start);
      if (first != nullptr && piece.start + piece.bytes.size() <= first->end()) continue;
      add_region(piece);
    }
  }

  std::span<const std::byte> view(Address address, uint64_t limit) const override {
    for (const StackPiece& piece : pieces_) {
      uint64_t inside = address - piece.start;
      if (inside < piece.bytes.size())
        return piece.bytes.subspan(inside, std::min<uint64_t>(limit, piece.bytes.size() - inside));
    }
    for (const Range& range : hidden_) {
      if (address.value() - range.start < range.end - range.start) return {};
      if (address.value() < range.start) {
        limit = std::min(limit, range.start - address.value());
        break;
      }
    }
    return below_.view(address, limit);
  }
  const std::vector<MemoryRegion>& regions() const override { return regions_.empty() ? below_.regions() : regions_; }

 private:
  struct Range {
    uint64_t start = 0, end = 0;
  };

  void hide_data(const Module& module) {
    auto headers = elf::parse_headers(below_.view(module.start, kPage));
    if (!headers) return;
    for (const Elf64_Phdr& segment : headers->segments) {
      if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) == 0) continue;
      uint64_t start = (module.bias + segment.p_vaddr) & -kPage;
      uint64_t end = elf::round_up(module.bias + segment.p_vaddr + segment.p_memsz, kPage);
      if (start < end) hidden_.push_back({start, end});
    }
  }

  /// The stack has grown since its mapping was reported, or that was not reported at all.
  void add_region(const StackPiece& piece) {
    if (regions_.empty()) regions_ = below_.regions();
    std::erase_if(regions_, [&](const MemoryRegion& region) {
      return region.start < piece.start + piece.bytes.size() && piece.start < region.end();
    });
    MemoryRegion region;
    region.start = piece.start;
    region.size = region.available = piece.bytes.size();
    region.readable = region.writable = true;
    region.path = "[stack]";
    auto next = std::ranges::upper_bound(regions_, piece.start, {}, &MemoryRegion::start);
    regions_.insert(next, std::move(region));
  }

  const MemoryReader& below_;
  std::vector<Range> hidden_;  ///< by start
  std::vector<StackPiece> pieces_;
  std::vector<MemoryRegion> regions_;  ///< empty: those below
};

class SnapshotTarget : public EventTarget {
 public:
  SnapshotTarget(std::unique_ptr<Target> files, bool may_run)
      : files_(std::move(files)), memory_(files_->memory(), files_->modules()) {
    threads_.resize(1);
    if (may_run) running_ = std::make_unique<RunningTarget>(*files_);
  }

  void show(const ProbeEvent& event) override {
    threads_[0] = event.thread;
    facts_.pid = event.pid;
    facts_.command = event.comm;
    facts_.signal = event.signal;
    facts_.signal_code = event.signal_code;
    facts_.fault_address = event.fault_address;
    event_ = &event;
    if (event.replaced.empty()) {
      show({{event.stack_start, event.stack}, {event.other_start, event.other_stack}});
      return;
    }
    repaired_ = event.stack;
    other_repaired_ = event.other_stack;
    for (const ReplacedReturn& replaced : event.replaced) {
      put(repaired_, replaced.slot - event.stack_start, replaced.address);
      put(other_repaired_, replaced.slot - event.other_start, replaced.address);
    }
    show({{event.stack_start, repaired_}, {event.other_start, other_repaired_}});
  }

  const Target* running() override {
    return running_ && event_ != nullptr && running_->show(*event_, pieces_) ? running_.get() : nullptr;
  }

  const MemoryReader& memory() const override { return memory_; }
  std::span<const Module> modules() const override { return files_->modules(); }
  std::span<const Thread> threads() const override { return threads_; }
  const ProcessFacts& facts() const override { return facts_; }
  std::span<const std::string> notes() const override { return {}; }
  std::optional<Address> tls_address(const Thread& thread, const Module& module, const Symbol& symbol) const override {
    return files_->tls_address(thread, module, symbol);
  }

 private:
  void show(std::vector<StackPiece> pieces) {
    pieces_ = pieces;
    memory_.show(std::move(pieces));
  }
  static void put(Bytes& stack, uint64_t inside, uint64_t value) {
    if (inside <= stack.size() && stack.size() - inside >= sizeof value)
      std::memcpy(stack.data() + inside, &value, sizeof value);
  }

  std::unique_ptr<Target> files_;
  EventMemory memory_;
  std::vector<Thread> threads_;
  ProcessFacts facts_;
  Bytes repaired_, other_repaired_;
  const ProbeEvent* event_ = nullptr;
  std::vector<StackPiece> pieces_;
  std::unique_ptr<RunningTarget> running_;
};

}  // namespace

Result<std::unique_ptr<EventTarget>> CoreSnapshot::open() const {
  int descriptor = live::file_in_memory(core_);
  if (descriptor < 0) return unusable(fmt::format("no memory for a snapshot: {}", std::strerror(errno)));
  auto files = elf::open_core({.core = fmt::format("/proc/self/fd/{}", descriptor),
                               .executable = {},
                               .sysroot = {},
                               .debug_dirs = {},
                               .progress = {}});
  close(descriptor);
  if (!files) return std::move(files).error();
  return std::unique_ptr<EventTarget>(std::make_unique<SnapshotTarget>(std::move(*files), may_run_scripts_));
}

std::shared_ptr<const ProcessSnapshot> make_snapshot(uint64_t pid, const std::vector<Mapping>& mappings) {
  bool has_generated_code = std::ranges::any_of(
      mappings, [](const Mapping& one) { return one.path.empty() && (one.protection & PROT_EXEC) != 0; });
  return std::make_shared<CoreSnapshot>(make_core(pid, mappings), has_generated_code);
}

}  // namespace inquest::probes
