// A process with memory, one module and its symbols, all written down by a test.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "postmortem/model/target.h"
#include "v8/layout/version.h"

namespace inquest::testing {

/// Regions with bytes of their own; `view` never crosses one.
class FakeMemory : public MemoryReader {
 public:
  /// Maps zeros. What lies beyond `available` is mapped but not in the dump.
  MemoryRegion& map(uint64_t start, uint64_t size, uint64_t available = UINT64_MAX);
  /// From now on the dump ends after `available` bytes of the region that begins at `start`.
  void cut(uint64_t start, uint64_t available);
  void put_bytes(uint64_t address, const void* bytes, size_t size);
  template <class T>
  void put(uint64_t address, T value) {
    put_bytes(address, &value, sizeof value);
  }

  std::span<const std::byte> view(Address address, uint64_t limit) const override;
  const std::vector<MemoryRegion>& regions() const override { return regions_; }

 private:
  std::vector<MemoryRegion> regions_;                 // sorted
  std::map<uint64_t, std::vector<std::byte>> bytes_;  // by start of region
};

class FakeSymbols : public SymbolSource {
 public:
  void add(const std::string& name, uint64_t value, uint64_t size = 8);
  void remove(const std::string& name) { symbols_.erase(name); }
  std::optional<Symbol> find(std::string_view name) const override;
  void for_each_with_prefix(std::string_view prefix, const std::function<void(const Symbol&)>& visit) const override;
  std::optional<Symbol> covering(uint64_t value) const override;

 private:
  std::map<std::string, Symbol, std::less<>> symbols_;
};

struct FakeProcess : Target {
  const MemoryReader& memory() const override { return memory_; }
  std::span<const Module> modules() const override { return modules_; }
  std::span<const Thread> threads() const override { return threads_; }
  const ProcessFacts& facts() const override { return facts_; }
  std::span<const std::string> notes() const override { return notes_; }
  std::optional<Address> tls_address(const Thread&, const Module&, const Symbol&) const override {
    return std::nullopt;
  }

  FakeMemory memory_;
  std::vector<Module> modules_;
  std::vector<Thread> threads_;
  ProcessFacts facts_;
  std::vector<std::string> notes_;
};

/// A process whose only module has symbols for integers in its memory, v8dbg_* above all.
class FakeBinary {
 public:
  static constexpr uint64_t kStart = 0x400000;
  static constexpr uint64_t kBias = 0x1000;  ///< symbols are not where they were linked
  static constexpr uint64_t kSize = 0x40000;

  FakeBinary();
  const Module& module() const { return process.modules_.front(); }
  /// Room in the module's memory.
  uint64_t allocate(uint64_t size);
  FakeBinary& constant(const std::string& symbol, int32_t value);
  FakeBinary& dbg(const std::string& name, int32_t value) { return constant("v8dbg_" + name, value); }
  FakeBinary& version(const v8::V8Version& version);
  /// Writes RootsTable::root_names_ and the texts it points to; the symbol only when asked for.
  void root_names(const std::vector<std::string>& names, bool with_symbol = true);

  FakeProcess process;
  std::shared_ptr<FakeSymbols> symbols;

 private:
  uint64_t next_ = kStart + 0x100;
};

}  // namespace inquest::testing
