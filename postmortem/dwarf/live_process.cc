#include "postmortem/dwarf/live_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "postmortem/dwarf/examiner.h"
#include "postmortem/elf/file_resolver.h"

namespace inquest::dwarf {
namespace {

using elf::Bytes;
using elf::ElfImage;
using elf::MappedFile;

constexpr size_t kMaxProcFile = 256 << 20;  // maps has 100 bytes for each of at most vm.max_map_count mappings
constexpr std::string_view kDeleted = " (deleted)";

class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

/// A file whose size stat does not tell. `failure` is the errno, 0 when it was read.
std::string read_whole(const std::string& path, int* failure) {
  Descriptor file(path);
  *failure = file.get() < 0 ? errno : 0;
  std::string text;
  char buffer[16384];
  while (file.get() >= 0 && text.size() < kMaxProcFile) {
    ssize_t got = read(file.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) *failure = errno;
    if (got <= 0) break;
    text.append(buffer, static_cast<size_t>(got));
  }
  return text;
}

/// The kernel writes a newline in a path as \012 (fs/proc/task_mmu.c, seq_path).
std::string unescape(std::string_view path) {
  std::string result;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path.substr(i, 4) == "\\012") {
      result += '\n';
      i += 3;
    } else {
      result += path[i];
    }
  }
  return result;
}

std::optional<uint64_t> hex(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<MapsLine> parse_line(std::string_view line) {
  // start-end perms offset device inode path
  std::string_view fields[5];
  for (std::string_view& field : fields) {
    size_t end = std::min(line.find(' '), line.size());
    field = line.substr(0, end);
    line.remove_prefix(std::min(line.size(), end + 1));
  }
  size_t dash = fields[0].find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  auto start = hex(fields[0].substr(0, dash)), end = hex(fields[0].substr(dash + 1)), offset = hex(fields[2]);
  if (!start || !end || !offset || fields[1].size() < 3) return std::nullopt;
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  MapsLine result{*start, *end, *offset, fields[1][2] == 'x', unescape(line), false};
  if (result.path.ends_with(kDeleted)) {
    result.path.resize(result.path.size() - kDeleted.size());
    result.deleted = true;
  }
  return result;
}

/// All mappings of one file.
struct MappedObject {
  std::string path;
  bool deleted = false;
  bool executable = false;
  std::vector<MapsLine> pieces;
};

class ProcessExaminer {
 public:
  ProcessExaminer(uint64_t pid, SearchOptions options)
      : proc_(fmt::format("/proc/{}", pid)), options_(std::move(options)), memory_(proc_ + "/mem") {
    if (options_.sysroot.empty() && sees_other_files()) options_.sysroot = proc_ + "/root";
    examiner_.emplace(options_);
  }

  ProcessDebugInfo run(const std::vector<MapsLine>& maps) {
    ProcessDebugInfo result;
    if (memory_.get() < 0) {
      result.notes.push_back("the memory of the process cannot be read, so build-ids are not compared: run as root");
    }
    uint64_t made_at_run_time = 0;
    for (const MapsLine& line : maps) made_at_run_time += line.path.empty() && line.executable ? 1 : 0;
    for (const MappedObject& object : group(maps)) {
      if (auto report = examine(object)) result.modules.push_back(std::move(*report));
    }
    if (made_at_run_time > 0) {
      result.notes.push_back(
          fmt::format("{} executable mapping{} of no file: code made at run time (JIT), which has no "
                      "debug information",
                      made_at_run_time, made_at_run_time == 1 ? "" : "s"));
    }
    return result;
  }

 private:
  /// In another mount namespace (container) maps names files as seen from there; below a mere chroot it names them as
  /// we see them (fs/d_path.c: paths are relative to the root of the reader where that reaches them).
  bool sees_other_files() const {
    std::error_code error;
    auto theirs = std::filesystem::read_symlink(proc_ + "/ns/mnt", error);
    return !error && theirs != std::filesystem::read_symlink("/proc/self/ns/mnt", error);
  }

  /// The main program first, as it is the first in the address space of most; then by address.
  std::vector<MappedObject> group(const std::vector<MapsLine>& maps) const {
    std::vector<MappedObject> objects;
    std::map<std::pair<std::string, bool>, size_t> known;
    for (const MapsLine& line : maps) {
      if (!line.path.starts_with('/') && line.path != "[vdso]") continue;
      auto [at, is_new] = known.try_emplace({line.path, line.deleted}, objects.size());
      if (is_new) objects.push_back({line.path, line.deleted, false, {}});
      objects[at->second].executable |= line.executable;
      objects[at->second].pieces.push_back(line);
    }
    std::error_code error;
    std::string program = std::filesystem::read_symlink(proc_ + "/exe", error).string();
    if (program.ends_with(kDeleted)) program.resize(program.size() - kDeleted.size());
    auto is_program = [&program](const MappedObject& object) { return object.path == program; };
    auto main_object = std::ranges::find_if(objects, is_program);
    if (main_object != objects.end()) std::rotate(objects.begin(), main_object, main_object + 1);
    return objects;
  }

  /// Bytes of the file as the process has them in memory.
  std::vector<std::byte> memory_at(const MappedObject& object, uint64_t offset, uint64_t size) const {
    constexpr uint64_t kMost = 1 << 20;
    for (const MapsLine& piece : object.pieces) {
      if (offset - piece.offset >= piece.end - piece.start) continue;
      uint64_t inside = offset - piece.offset;
      std::vector<std::byte> bytes(std::min({size, piece.end - piece.start - inside, kMost}));
      ssize_t got = pread(memory_.get(), bytes.data(), bytes.size(), static_cast<off_t>(piece.start + inside));
      bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
      return bytes;
    }
    return {};
  }

  std::optional<DebugInfoReport> examine(const MappedObject& object) {
    std::vector<std::byte> page = memory_at(object, 0, elf::kPageSize);
    std::vector<std::byte> note;
    elf::CoreIdentity identity;
    identity.first_page = page;
    identity.headers = elf::parse_headers(page);
    if (identity.headers) {
      identity.build_id = elf::find_build_id(*identity.headers, [&](uint64_t offset, uint64_t size) -> Bytes {
        note = memory_at(object, offset, size);
        return note;
      });
    }
    // Fonts, archives of locales and the like are mapped too; they are no modules.
    if (!identity.headers && (!page.empty() || !object.executable)) return std::nullopt;
    Module module;
    module.path = object.path;
    module.build_id = identity.build_id;
    module.start = Address(object.pieces.front().start);
    module.end = Address(object.pieces.back().end);
    if (module.path == "[vdso]") return examiner_->examine(module);
    choose_file(module, object, identity);
    DebugInfoReport report = examiner_->examine(module);
    if (object.deleted) report.facts.insert(report.facts.begin(), "deleted or replaced since it was mapped");
    return report;
  }

  void choose_file(Module& module, const MappedObject& object, const elf::CoreIdentity& identity) {
    bool refused = false;
    for (const std::string& candidate : candidates(object)) {
      int failure = 0;
      auto file = MappedFile::open(candidate, &failure);
      auto image = file ? ElfImage::from_file(std::move(file)) : nullptr;
      std::string reason = failure != 0 ? open_failure(failure) : "not an x86-64 ELF file";
      if (image && elf::compare(*image, identity, &reason)) {
        module.file = candidate;
        if (module.build_id.empty()) module.build_id = build_id_of(*image);
        return;
      }
      refused |= image != nullptr;
      module.tried.push_back(candidate + ": " + reason);
    }
    module.missing = refused ? FaultCause::kFileMismatch : FaultCause::kFileMissing;
  }

  std::vector<std::string> candidates(const MappedObject& object) const {
    const MapsLine& piece = object.pieces.front();
    std::string mapped = fmt::format("{}/map_files/{:x}-{:x}", proc_, piece.start, piece.end);
    std::vector<std::string> result = {options_.sysroot + object.path};
    if (object.deleted) result.insert(result.begin(), mapped);
    // A path outside of the process's root (overlay of a container) still has its entry there.
    if (!object.deleted) result.push_back(mapped);
    return result;
  }

  std::string proc_;
  SearchOptions options_;
  Descriptor memory_;
  std::optional<Examiner> examiner_;
};

/// Why a process has no mappings to show.
Error nothing_mapped(uint64_t pid) {
  int failure = 0;
  std::string status = read_whole(fmt::format("/proc/{}/stat", pid), &failure);
  // PID (COMM) STATE; the name may hold brackets itself.
  size_t bracket = status.rfind(')');
  char state = bracket != std::string::npos && bracket + 2 < status.size() ? status[bracket + 2] : '?';
  std::string name = status.substr(status.find('(') + 1, bracket - status.find('(') - 1);
  if (failure != 0 || bracket == std::string::npos) return unusable(fmt::format("process {} is not running", pid));
  if (state == 'Z' || state == 'X') {
    return unusable(fmt::format("process {} ({}) is dead already: only its exit status is left", pid, name));
  }
  return unusable(fmt::format("process {} ({}) is a kernel thread: it has no program and no libraries", pid, name));
}

}  // namespace

std::vector<MapsLine> parse_maps(const std::string& text) {
  std::vector<MapsLine> result;
  std::string_view rest = text;
  while (!rest.empty()) {
    size_t end = std::min(rest.find('\n'), rest.size());
    if (auto line = parse_line(rest.substr(0, end))) result.push_back(std::move(*line));
    rest.remove_prefix(std::min(rest.size(), end + 1));
  }
  return result;
}

Result<ProcessDebugInfo> examine_process(uint64_t pid, SearchOptions options) {
  int failure = 0;
  std::string text = read_whole(fmt::format("/proc/{}/maps", pid), &failure);
  if (failure == ENOENT || failure == ESRCH) {
    return unusable(fmt::format("process {} is not running", pid), "list processes by: ps -e");
  }
  if (failure == EACCES || failure == EPERM) {
    return unusable(fmt::format("no permission to look into process {}", pid), "run as its owner or as root");
  }
  if (failure != 0) return unusable(fmt::format("cannot read /proc/{}/maps: {}", pid, std::strerror(failure)));
  std::vector<MapsLine> maps = parse_maps(text);
  if (maps.empty()) return nothing_mapped(pid);
  return ProcessExaminer(pid, std::move(options)).run(maps);
}

}  // namespace inquest::dwarf
