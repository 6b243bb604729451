#include "postmortem/live/stopped_target.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "postmortem/elf/file_resolver.h"
#include "postmortem/elf/mapped_file.h"
#include "postmortem/elf/target_notes.h"
#include "postmortem/live/small_core.h"

namespace inquest::live {
namespace {

constexpr uint64_t kIdentityBytes = 4 * StoppedMemory::kPage;  ///< of each file: its headers and build-id
constexpr size_t kMaxProcFile = 1 << 20;
constexpr std::string_view kDeleted = " (deleted)";

std::string proc_file(uint64_t pid, const char* name) {
  std::ifstream file(fmt::format("/proc/{}/{}", pid, name), std::ios::binary);
  std::string text(kMaxProcFile, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

/// Files and the vdso: all that a small core has to tell.
bool tells_modules(const Mapping& mapping) { return mapping.path.starts_with('/') || mapping.path == "[vdso]"; }

std::vector<std::byte> identity_of(const StoppedMemory& memory, const Mapping& mapping) {
  bool is_image = mapping.path == "[vdso]" || mapping.offset == 0;
  if (!is_image || mapping.path.starts_with("/dev/")) return {};
  auto bytes = memory.view(Address(mapping.start), std::min(mapping.end - mapping.start, kIdentityBytes));
  bool is_elf = bytes.size() > SELFMAG && std::memcmp(bytes.data(), ELFMAG, SELFMAG) == 0;
  return is_elf ? std::vector<std::byte>(bytes.begin(), bytes.end()) : std::vector<std::byte>();
}

Result<std::unique_ptr<elf::CoreFile>> small_core(const StoppedMemory& memory, std::vector<Mapping> mappings,
                                                  uint64_t pid) {
  std::erase_if(mappings, [](const Mapping& mapping) { return !tells_modules(mapping); });
  std::string auxv = proc_file(pid, "auxv");
  auto bytes = write_small_core(mappings, std::as_bytes(std::span(auxv)),
                                [&memory](const Mapping& mapping) { return identity_of(memory, mapping); });
  int descriptor = file_in_memory(bytes);
  int failure = errno;
  auto file = descriptor < 0 ? nullptr : elf::MappedFile::open(fmt::format("/proc/self/fd/{}", descriptor), &failure);
  if (descriptor >= 0) close(descriptor);
  if (!file) return unusable(fmt::format("no memory for a list of modules: {}", std::strerror(failure)));
  return elf::CoreFile::parse(std::move(file), fmt::format("process {}", pid));
}

/// In another mount namespace (container) maps names files as seen from there.
bool sees_other_files(uint64_t pid) {
  std::error_code error;
  auto theirs = std::filesystem::read_symlink(fmt::format("/proc/{}/ns/mnt", pid), error);
  return !error && theirs != std::filesystem::read_symlink("/proc/self/ns/mnt", error);
}

/// A program that was deleted or replaced while it runs is still there below /proc.
std::string program_of(uint64_t pid, const OpenOptions& options) {
  if (!options.executable.empty()) return options.executable;
  std::string file = fmt::format("/proc/{}/exe", pid);
  std::error_code error;
  std::string path = std::filesystem::read_symlink(file, error).string();
  return !error && path.ends_with(kDeleted) ? file : std::string();
}

/// proc_pid_stat(5): fields 14 and 15, in clock ticks.
std::optional<CpuTime> cpu_time_of(const std::string& stat) {
  size_t bracket = stat.rfind(')');  // the name before it may hold anything
  if (bracket == std::string::npos) return std::nullopt;
  std::istringstream fields(stat.substr(bracket + 1));
  std::vector<std::string> words{std::istream_iterator<std::string>(fields), {}};
  long ticks = sysconf(_SC_CLK_TCK);
  if (words.size() < 13 || ticks <= 0) return std::nullopt;
  auto microseconds = [ticks](const std::string& word) {
    return std::strtoull(word.c_str(), nullptr, 10) * 1'000'000 / static_cast<uint64_t>(ticks);
  };
  return CpuTime{microseconds(words[11]), microseconds(words[12])};
}

ProcessFacts facts_of(const StoppedProcess& process) {
  ProcessFacts facts;
  facts.pid = process.pid;
  facts.command = proc_file(process.pid, "comm");
  if (facts.command.ends_with('\n')) facts.command.pop_back();
  facts.arguments = proc_file(process.pid, "cmdline");
  while (facts.arguments.ends_with('\0')) facts.arguments.pop_back();
  std::ranges::replace(facts.arguments, '\0', ' ');
  facts.signal = process.signal;
  facts.signal_code = process.signal_code;
  facts.has_signal_info = process.has_signal_info;
  facts.fault_address = process.fault_address;
  facts.sender_pid = process.sender_pid;
  facts.sender_uid = process.sender_uid;
  if (auto random = random_bytes_of(process.pid)) facts.at_random = random->bytes;
  facts.cpu_time = cpu_time_of(proc_file(process.pid, "stat"));
  return facts;
}

}  // namespace

std::optional<RandomBytes> random_bytes_of(uint64_t pid) {
  std::string auxv = proc_file(pid, "auxv");
  auto bytes = std::as_bytes(std::span(auxv));
  for (uint64_t at = 0; auto entry = elf::load<Elf64_auxv_t>(bytes, at); at += sizeof(Elf64_auxv_t)) {
    if (entry->a_type != AT_RANDOM) continue;
    RandomBytes random{.address = Address(entry->a_un.a_val)};
    int memory = ::open(fmt::format("/proc/{}/mem", pid).c_str(), O_RDONLY | O_CLOEXEC);
    if (memory < 0) return std::nullopt;
    ssize_t size = pread(memory, random.bytes.data(), random.bytes.size(), static_cast<off_t>(random.address.value()));
    close(memory);
    return size == static_cast<ssize_t>(random.bytes.size()) ? std::optional(random) : std::nullopt;
  }
  return std::nullopt;
}

StoppedTarget::StoppedTarget(std::unique_ptr<StoppedMemory> memory, std::unique_ptr<elf::CoreFile> core,
                             elf::CoreNotes notes, elf::ModuleMap map, ProcessFacts facts)
    : memory_(std::move(memory)),
      core_(std::move(core)),
      notes_(std::move(notes)),
      map_(std::move(map)),
      tls_(*memory_, map_),
      facts_(std::move(facts)),
      gaps_(elf::describe_gaps(*core_, notes_, map_)) {
  if (memory_->left_out() > 0) {
    gaps_.push_back(
        fmt::format("{} mappings are too large to be more than reserved room and are not read.", memory_->left_out()));
  }
}

Result<std::unique_ptr<StoppedTarget>> StoppedTarget::open(StoppedProcess process, const OpenOptions& options) {
  std::vector<Mapping> mappings = read_mappings(process.pid);
  auto memory = StoppedMemory::open(process.pid, mappings);
  if (!memory) return std::move(memory).error();
  auto core = small_core(**memory, std::move(mappings), process.pid);
  if (!core) return std::move(core).error();

  ProcessFacts facts = facts_of(process);
  elf::CoreNotes notes = elf::parse_notes((*core)->notes());
  notes.threads = std::move(process.threads);
  notes.arguments = facts.arguments;
  std::string root = fmt::format("/proc/{}/root", process.pid);
  bool takes_root = options.sysroot.empty() && sees_other_files(process.pid);
  std::string program = program_of(process.pid, options);
  elf::FileResolver resolver(takes_root ? root : options.sysroot, options.debug_dirs, root);
  auto map = elf::find_modules(**core, notes, resolver, program);
  if (!map) return std::move(map).error();
  return std::unique_ptr<StoppedTarget>(
      new StoppedTarget(std::move(*memory), std::move(*core), std::move(notes), std::move(*map), std::move(facts)));
}

}  // namespace inquest::live
