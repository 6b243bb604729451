#include "postmortem/elf/core_target.h"

#include "postmortem/elf/core_file.h"
#include "postmortem/elf/core_memory.h"
#include "postmortem/elf/core_notes.h"
#include "postmortem/elf/modules.h"
#include "postmortem/elf/target_notes.h"
#include "postmortem/elf/tls_layout.h"

namespace inquest::elf {
namespace {

ProcessFacts to_facts(const CoreFile& core, const CoreNotes& notes) {
  ProcessFacts facts;
  facts.pid = notes.pid;
  facts.command = notes.command;
  facts.arguments = notes.arguments;
  facts.signal = notes.signal;
  facts.signal_code = notes.signal_code;
  facts.fault_address = notes.fault_address;
  facts.core_path = core.path();
  facts.core_size = core.bytes().size();
  facts.core_time = core.modified();
  facts.truncated_bytes = core.missing_bytes();
  return facts;
}

class CoreTarget : public Target {
 public:
  CoreTarget(std::unique_ptr<CoreFile> core, CoreNotes notes, ModuleMap map)
      : core_(std::move(core)),
        notes_(std::move(notes)),
        map_(std::move(map)),
        memory_(*core_, notes_, map_),
        tls_(memory_, map_),
        facts_(to_facts(*core_, notes_)),
        gaps_(describe_gaps(*core_, notes_, map_)) {}

  const MemoryReader& memory() const override { return memory_; }
  std::span<const Module> modules() const override { return map_.modules; }
  std::span<const Thread> threads() const override { return notes_.threads; }
  const ProcessFacts& facts() const override { return facts_; }
  std::span<const std::string> notes() const override { return gaps_; }

  std::optional<Address> tls_address(const Thread& thread, const Module& module, const Symbol& symbol) const override {
    if (!symbol.is_tls || module.is_copy) return std::nullopt;
    for (size_t i = 0; i < map_.modules.size(); ++i) {
      if (map_.modules[i].start != module.start) continue;
      auto block = tls_.block(thread, i);
      if (!block || symbol.value >= module.tls_image_size) return std::nullopt;
      return *block + symbol.value;
    }
    return std::nullopt;
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

}  // namespace

Result<std::unique_ptr<Target>> open_core(const OpenOptions& options) {
  auto core = CoreFile::open(options.core);
  if (!core) return std::move(core).error();
  CoreNotes notes = parse_notes((*core)->notes());
  FileResolver resolver(options.sysroot, options.debug_dirs, options.core);
  auto map = find_modules(**core, notes, resolver, options.executable);
  if (!map) return std::move(map).error();
  return std::unique_ptr<Target>(new CoreTarget(std::move(*core), std::move(notes), std::move(*map)));
}

}  // namespace inquest::elf
