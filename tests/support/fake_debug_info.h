// Programs and their debug information as tables.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "postmortem/model/debug_info.h"
#include "postmortem/model/object_file.h"

namespace inquest::testing {

/// Symbols as a list.
class FakeSymbolList : public SymbolSource {
 public:
  FakeSymbolList& add(std::string name, uint64_t value, uint64_t size) {
    names_.push_back(std::move(name));
    symbols_.push_back({names_.back(), value, size, true, false});
    return *this;
  }
  std::optional<Symbol> find(std::string_view name) const override {
    for (const Symbol& symbol : symbols_)
      if (symbol.name == name) return symbol;
    return std::nullopt;
  }
  void for_each_with_prefix(std::string_view prefix, const std::function<void(const Symbol&)>& visit) const override {
    for (const Symbol& symbol : symbols_)
      if (symbol.name.starts_with(prefix)) visit(symbol);
  }
  std::optional<Symbol> covering(uint64_t value) const override {
    for (const Symbol& symbol : symbols_)
      if (value - symbol.value < symbol.size) return symbol;
    return std::nullopt;
  }

 private:
  std::deque<std::string> names_;
  std::vector<Symbol> symbols_;
};

/// Knows exactly the addresses it was told; every other one lies in nothing.
class FakeDebugInfo : public DebugInfo {
 public:
  std::map<uint64_t, std::vector<CodeLocation>> known;
  std::vector<uint64_t> asked;
  std::map<uint64_t, std::vector<TailCall>> jumps;  ///< by entry of the function

  std::optional<std::vector<TailCall>> tail_calls(uint64_t address) override {
    auto found = jumps.find(address);
    return found == jumps.end() ? std::nullopt : std::optional(found->second);
  }
  CodeLocations locate(std::span<const uint64_t> addresses) override {
    CodeLocations found;
    found.expect(addresses.size());
    for (size_t i = 0; i < addresses.size(); ++i) {
      asked.push_back(addresses[i]);
      if (auto at = known.find(addresses[i]); at != known.end()) found.set(i, found.keep(at->second));
    }
    return found;
  }
  std::vector<Variable> arguments(uint64_t, const CodeLocation&, const FrameContext&) override { return {}; }
  std::vector<std::string> notes() const override { return {}; }
};

/// Files by path; modules of a core have the debug information of their path.
struct FakeFiles {
  std::map<std::string, ObjectFile> objects;
  std::map<std::string, FakeDebugInfo> infos;

  /// One segment of code, linked at `address`.
  FakeDebugInfo& add(const std::string& path, uint64_t address, uint64_t size, bool position_independent,
                     std::shared_ptr<const SymbolSource> symbols = nullptr) {
    ObjectFile file;
    file.path = path;
    file.position_independent = position_independent;
    file.segments.push_back({address, size, address & 0xfffff, size, true});
    if (position_independent) file.segments.insert(file.segments.begin(), {0, 0x500, 0, 0x500, false});
    file.symbols = std::move(symbols);
    objects[path] = std::move(file);
    return infos[path];
  }
};

class FakeDebugInfoSource : public DebugInfoSource {
 public:
  explicit FakeDebugInfoSource(FakeFiles& files) : files_(files) {}

  DebugInfo& of(const Module& module) override { return files_.infos[module.path]; }
  Result<DebugInfo*> open(const std::string& path) override {
    auto info = files_.infos.find(path);
    if (info == files_.infos.end()) return unusable("cannot open " + path);
    return &info->second;
  }
  DebugInfoReport examine(const Module&) override { return {}; }
  Result<DebugInfoReport> examine_file(const std::string& path) override { return unusable("cannot open " + path); }

 private:
  FakeFiles& files_;
};

}  // namespace inquest::testing
