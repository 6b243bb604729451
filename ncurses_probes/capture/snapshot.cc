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

namespace inquest::probes {
namespace {

constexpr uint64_t kPage = 4096;
constexpr size_t kMaxMappings = 60'000;  // program headers that a core may have (elf/elf_headers.h)

using Bytes = std::vector<std::byte>;

void append(Bytes& to, const void* from, size_t size) {
  // GCC 12 warns of an overflow that cannot be where this is an insert (GCC bug 105329).
  size_t end = to.size();
  to.resize(end + size);
  if (size > 0) std::memcpy(to.data() + end, from, size);
}
void append_u64(Bytes& to, uint64_t value) { append(to, &value, sizeof value); }

void append_note(Bytes& notes, uint32_t type, const Bytes& content) {
  Elf64_Nhdr header = {.n_namesz = 5, .n_descsz = static_cast<uint32_t>(content.size()), .n_type = type};
  append(notes, &header, sizeof header);
  append(notes, "CORE\0\0\0", 8);
  append(notes, content.data(), content.size());
  notes.resize((notes.size() + 3) & ~size_t{3});
}

bool is_mapped_file(const Mapping& mapping) { return mapping.path.starts_with('/'); }

Bytes file_note(const std::vector<Mapping>& mappings) {
  Bytes note;
  uint64_t count = static_cast<uint64_t>(std::ranges::count_if(mappings, is_mapped_file));
  append_u64(note, count);
  append_u64(note, kPage);
  for (const Mapping& mapping : mappings) {
    if (!is_mapped_file(mapping)) continue;
    append_u64(note, mapping.start);
    append_u64(note, mapping.end);
    append_u64(note, mapping.offset / kPage);
  }
  for (const Mapping& mapping : mappings) {
    if (is_mapped_file(mapping)) append(note, mapping.path.c_str(), mapping.path.size() + 1);
  }
  return note;
}

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
    Bytes bytes;
    if (own != 0)
      append(bytes, reinterpret_cast<const void*>(own), std::min<uint64_t>(mapping.end - mapping.start, 2 * kPage));
    return bytes;
  }
  if (!is_mapped_file(mapping) || mapping.offset != 0 || is_device(mapping.path)) return {};
  Bytes page = read_page(fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, mapping.start, mapping.end));
  if (page.empty()) page = read_page(mapping.path);
  return page;
}

Elf64_Phdr segment_of(const Mapping& mapping, uint64_t offset, uint64_t dumped) {
  Elf64_Phdr segment = {};
  segment.p_type = PT_LOAD;
  segment.p_flags = ((mapping.protection & PROT_READ) ? PF_R : 0) | ((mapping.protection & PROT_WRITE) ? PF_W : 0) |
                    ((mapping.protection & PROT_EXEC) ? PF_X : 0);
  segment.p_offset = offset;
  segment.p_vaddr = mapping.start;
  segment.p_filesz = dumped;
  segment.p_memsz = mapping.end - mapping.start;
  segment.p_align = kPage;
  return segment;
}

Bytes make_core(uint64_t pid, const std::vector<Mapping>& mappings) {
  Bytes notes, auxv;
  append_note(notes, NT_FILE, file_note(mappings));
  for (const Mapping& mapping : mappings) {
    if (mapping.path != "[vdso]") continue;
    append_u64(auxv, AT_SYSINFO_EHDR), append_u64(auxv, mapping.start);
    append_u64(auxv, AT_NULL), append_u64(auxv, 0);
    append_note(notes, NT_AUXV, auxv);
    break;
  }
  size_t count = std::min(mappings.size(), kMaxMappings);
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_CORE;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_phoff = header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<uint16_t>(count + 1);
  uint64_t notes_at = sizeof header + (count + 1) * sizeof(Elf64_Phdr);
  Bytes core, contents;
  append(core, &header, sizeof header);
  Elf64_Phdr note = {};
  note.p_type = PT_NOTE;
  note.p_offset = notes_at;
  note.p_filesz = notes.size();
  note.p_align = 4;
  append(core, &note, sizeof note);
  for (size_t i = 0; i < count; ++i) {
    Bytes bytes = contents_of(pid, mappings[i]);
    Elf64_Phdr segment = segment_of(mappings[i], notes_at + notes.size() + contents.size(), bytes.size());
    append(core, &segment, sizeof segment);
    append(contents, bytes.data(), bytes.size());
  }
  append(core, notes.data(), notes.size());
  append(core, contents.data(), contents.size());
  return core;
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
  int descriptor = memfd_create("inquest-snapshot", MFD_CLOEXEC);
  if (descriptor < 0) return unusable(fmt::format("no memory for a snapshot: {}", std::strerror(errno)));
  size_t written = 0;
  while (written < core_.size()) {
    ssize_t more = write(descriptor, core_.data() + written, core_.size() - written);
    if (more <= 0) break;
    written += static_cast<size_t>(more);
  }
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
