// A process with functions given as bytes, their call frame information table, variables and a stack.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "postmortem/model/frame.h"
#include "tests/support/fake_debug_info.h"
#include "tests/support/fake_process.h"

namespace inquest::testing {

class CodeProcess {
 public:
  static constexpr uint64_t kStart = 0x400000, kCode = 0x401000, kTable = 0x403000, kData = 0x404000;
  static constexpr uint64_t kStack = 0x7ffc00000000, kStackSize = 0x10000;
  static constexpr uint64_t kSp = kStack + 0x8000;  ///< rsp of the thread

  CodeProcess();

  /// Adds a function behind the others; its address. `entry` false: it has no call frame information.
  uint64_t function(const std::string& name, const std::vector<int>& bytes, bool entry = true);
  /// A variable of 8 bytes in the module's data.
  void variable(const std::string& name, uint64_t address, uint64_t value);
  void set(Registers::Index index, uint64_t value) { thread().registers.gpr[index] = value; }
  Thread& thread() { return process.threads_.front(); }
  /// The bytes of a little-endian 32-bit number, for displacements.
  static std::vector<int> number(uint64_t value);

  /// The frame of the thread's registers, then one per return address, found at `rsp` and behind it.
  Stack stack(const std::vector<uint64_t>& return_addresses = {}) const;
  /// The thread died of this.
  void died(int signal, int code, std::optional<uint64_t> address);

  FakeProcess process;
  FakeFiles files;
  FakeDebugInfoSource debug_info{files};

 private:
  void write_table();

  struct Entry {
    uint64_t start, size;
  };
  uint64_t next_ = kCode;
  std::vector<Entry> entries_;
  std::shared_ptr<FakeSymbols> symbols_ = std::make_shared<FakeSymbols>();
  FakeDebugInfo& info_;
};

}  // namespace inquest::testing
