#include "postmortem/dwarf/debug_info_source.h"

#include <map>
#include <mutex>
#include <utility>

#include "postmortem/dwarf/debug_files.h"
#include "postmortem/dwarf/dwarf_debug_info.h"
#include "postmortem/dwarf/examiner.h"
#include "postmortem/elf/mapped_file.h"

namespace inquest::dwarf {
namespace {

class FileSource : public DebugInfoSource {
 public:
  explicit FileSource(const SearchOptions& options) : finder_(options), examiner_(options) {}

  DebugInfo& of(const Module& module) override {
    Slot& slot = slot_for(modules_, &module);
    std::call_once(slot.once, [&] {
      // A second mapping of a module has its debug information under the same link-time addresses.
      slot.info = make(finder_.find(module), module.symbols);
    });
    return *slot.info;
  }

  Result<DebugInfo*> open(const std::string& path) override {
    Slot& slot = slot_for(files_, path);
    std::call_once(slot.once, [&] {
      int failure = 0;
      auto file = elf::MappedFile::open(path, &failure);
      if (!file) {
        slot.failure = unusable("cannot open " + path + ": " + open_failure(failure));
      } else if (auto image = elf::ElfImage::from_file(std::move(file))) {
        slot.info = make(finder_.find(std::move(image)), nullptr);
      } else {
        slot.failure = unusable(path + " is no x86-64 program or library");
      }
    });
    if (!slot.info) return slot.failure;
    return slot.info.get();
  }

  DebugInfoReport examine(const Module& module) override { return examiner_.examine(module); }
  Result<DebugInfoReport> examine_file(const std::string& path) override { return examiner_.examine_file(path); }

 private:
  struct Slot {
    std::once_flag once;
    std::unique_ptr<DebugInfo> info;
    Error failure;
  };

  template <class Key>
  Slot& slot_for(std::map<Key, Slot>& slots, const Key& key) {
    std::lock_guard lock(mutex_);
    return slots[key];
  }

  std::unique_ptr<DebugInfo> make(DebugFiles files, std::shared_ptr<const SymbolSource> symbols) const {
    if (files.image || files.symbols) symbols = elf::ElfImage::symbols(files.image, files.symbols);
    return std::make_unique<DwarfDebugInfo>(std::move(files), std::move(symbols), finder_.options().debug_dirs);
  }

  DebugFileFinder finder_;
  Examiner examiner_;
  std::mutex mutex_;
  std::map<const Module*, Slot> modules_;
  std::map<std::string, Slot> files_;
};

}  // namespace

std::unique_ptr<DebugInfoSource> make_debug_info_source(const Target*, SearchOptions options) {
  return std::make_unique<FileSource>(options);
}

}  // namespace inquest::dwarf
