#include "postmortem/elf/core_target.h"

#include <elf.h>
#include <unistd.h>

#include "postmortem/elf/compressed_core.h"
#include "postmortem/elf/core_file.h"
#include "postmortem/elf/core_memory.h"
#include "postmortem/elf/core_notes.h"
#include "postmortem/elf/main_program.h"
#include "postmortem/elf/modules.h"
#include "postmortem/elf/open_errors.h"
#include "postmortem/elf/target_notes.h"
#include "postmortem/elf/tls_layout.h"

namespace inquest::elf {
namespace {

ProcessFacts to_facts(const CoreFile& core, const CoreNotes& notes, const MappedFile& given) {
  ProcessFacts facts;
  facts.pid = notes.pid;
  facts.cpu_time = notes.cpu_time;
  facts.command = notes.command;
  facts.arguments = notes.arguments;
  facts.signal = notes.signal;
  facts.signal_code = notes.signal_code;
  facts.has_signal_info = notes.has_signal_info;
  facts.fault_address = notes.fault_address;
  facts.sender_pid = notes.sender_pid;
  facts.sender_uid = notes.sender_uid;
  facts.core_path = given.path();
  facts.core_size = core.bytes().size();
  facts.core_time = given.modified();
  facts.truncated_bytes = core.missing_bytes();
  if (auto address = notes.auxv(AT_RANDOM)) {
    if (auto bytes = load<AtRandom>(core.memory(*address, sizeof(AtRandom)), 0)) facts.at_random = *bytes;
  }
  return facts;
}

class CoreTarget : public Target {
 public:
  /// `given` is the file that the user named, maybe compressed.
  CoreTarget(const MappedFile& given, std::unique_ptr<CoreFile> core, CoreNotes notes, ModuleMap map)
      : core_(std::move(core)),
        notes_(std::move(notes)),
        map_(std::move(map)),
        memory_(*core_, notes_, map_),
        tls_(memory_, map_),
        facts_(to_facts(*core_, notes_, given)),
        gaps_(describe_gaps(*core_, notes_, map_)) {}

  const MemoryReader& memory() const override { return memory_; }
  std::span<const Module> modules() const override { return map_.modules; }
  std::span<const Thread> threads() const override { return notes_.threads; }
  const ProcessFacts& facts() const override { return facts_; }
  std::span<const std::string> notes() const override { return gaps_; }

  void add_note(std::string note) { gaps_.insert(gaps_.begin(), std::move(note)); }

  std::optional<Address> tls_address(const Thread& thread, const Module& module, const Symbol& symbol) const override {
    return tls_.address(thread, module, symbol);
  }

 private:
  std::unique_ptr<CoreFile> core_;
  CoreNotes notes_;
  ModuleMap map_;
  CoreMemory memory_;
  TlsLayout tls_;
  ProcessFacts facts_;
  std::vector<std::string> gaps_;
};

/// The core's own bytes: the file itself, or what it unpacks to.
struct CoreBytes {
  std::shared_ptr<const MappedFile> file;
  std::string note;
};

Result<CoreBytes> unpack_if_needed(const std::shared_ptr<const MappedFile>& given, const OpenOptions& options) {
  auto compression = detect_compression(given->bytes());
  if (!compression) {
    if (const char* name = unsupported_compression(given->bytes()))
      return unusable(options.core + " is compressed with " + name + ", which is not read here", "unpack it first");
    return CoreBytes{given, {}};
  }
  auto unpacked = unpack_core(*given, *compression, options.progress);
  if (!unpacked) return std::move(unpacked).error();
  int failure = 0;
  auto file = MappedFile::open(unpacked->path, &failure);
  if (unpacked->temporary) unlink(unpacked->path.c_str());
  if (!file) return open_error(unpacked->path, failure);
  return CoreBytes{std::move(file), std::move(unpacked->note)};
}

}  // namespace

Result<std::unique_ptr<Target>> open_core(const OpenOptions& options) {
  int failure = 0;
  auto given = MappedFile::open(options.core, &failure);
  if (!given) return open_error(options.core, failure);
  auto bytes = unpack_if_needed(given, options);
  if (!bytes) return std::move(bytes).error();
  auto core = CoreFile::parse(bytes->file, options.core);
  if (!core) return std::move(core).error();

  CoreNotes notes = parse_notes((*core)->notes());
  if (!notes.has_file_note && !options.executable.empty()) notes.files = assumed_mappings(options.executable, notes);
  FileResolver resolver(options.sysroot, options.debug_dirs, options.core);
  auto map = find_modules(**core, notes, resolver, options.executable);
  if (!map) return std::move(map).error();

  auto target = std::make_unique<CoreTarget>(*given, std::move(*core), std::move(notes), std::move(*map));
  if (!bytes->note.empty()) target->add_note(std::move(bytes->note));
  return std::unique_ptr<Target>(std::move(target));
}

}  // namespace inquest::elf
