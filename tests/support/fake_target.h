// A process without memory: facts and notes that a test chooses.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "postmortem/model/target.h"

namespace inquest::testing {

class NoMemory : public MemoryReader {
 public:
  std::span<const std::byte> view(Address, uint64_t) const override { return {}; }
  const std::vector<MemoryRegion>& regions() const override { return regions_; }

 private:
  std::vector<MemoryRegion> regions_;
};

class FakeTarget : public Target {
 public:
  const MemoryReader& memory() const override { return memory_; }
  std::span<const Module> modules() const override { return modules_; }
  std::span<const Thread> threads() const override { return threads_; }
  const ProcessFacts& facts() const override { return facts_; }
  std::span<const std::string> notes() const override { return notes_; }
  std::optional<Address> tls_address(const Thread&, const Module&, const Symbol&) const override {
    return std::nullopt;
  }

  ProcessFacts facts_;
  std::vector<std::string> notes_;

 private:
  NoMemory memory_;
  std::vector<Module> modules_;
  std::vector<Thread> threads_;
};

}  // namespace inquest::testing
