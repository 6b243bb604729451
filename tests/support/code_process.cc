#include "tests/support/code_process.h"

#include <deque>

namespace inquest::testing {
namespace {

constexpr const char* kPath = "/opt/program";

/// Names live as long as the process.
std::string_view kept(const std::string& name) {
  static std::deque<std::string> names;
  return names.emplace_back(name);
}

}  // namespace

CodeProcess::CodeProcess() : info_(files.infos[kPath]) {
  for (uint64_t start : {kStart, kCode, kTable, kData}) {
    MemoryRegion& region = process.memory_.map(start, start == kCode ? 0x2000 : 0x1000);
    region.path = kPath;
    region.writable = start == kData;
    region.executable = start == kCode;
  }
  process.memory_.map(kStack, kStackSize);
  Module module;
  module.path = module.file = kPath;
  module.start = Address(kStart);
  module.end = Address(kData + 0x1000);
  module.is_executable = true;
  module.symbols = symbols_;
  process.modules_.push_back(module);
  process.threads_.emplace_back().tid = 7;
  process.facts_.pid = 7;
  set(Registers::kRsp, kSp);
  // ELF header and one program header, PT_GNU_EH_FRAME (System V ABI, chapters 4 and 5).
  process.memory_.put<uint32_t>(kStart, 0x464c457f);
  process.memory_.put<uint64_t>(kStart + 32, 64);
  process.memory_.put<uint16_t>(kStart + 56, 1);
  process.memory_.put<uint32_t>(kStart + 64, 0x6474e550);
  process.memory_.put<uint64_t>(kStart + 64 + 16, kTable);
}

uint64_t CodeProcess::function(const std::string& name, const std::vector<int>& bytes, bool entry) {
  uint64_t start = next_;
  next_ += (bytes.size() + 31) & ~15ull;
  for (size_t i = 0; i < bytes.size(); ++i) process.memory_.put(start + i, static_cast<uint8_t>(bytes[i]));
  CodeLocation location;
  location.function_start = start;
  if (!name.empty()) location.function = kept(name);
  for (size_t i = 0; i < bytes.size() && !name.empty(); ++i) info_.known[start + i] = {location};
  if (entry) entries_.push_back({start, bytes.size()});
  write_table();
  return start;
}

void CodeProcess::variable(const std::string& name, uint64_t address, uint64_t value) {
  process.memory_.put(address, value);
  if (!name.empty()) symbols_->add(name, address);
}

std::vector<int> CodeProcess::number(uint64_t value) {
  return {static_cast<int>(value & 0xff), static_cast<int>(value >> 8 & 0xff), static_cast<int>(value >> 16 & 0xff),
          static_cast<int>(value >> 24 & 0xff)};
}

// Version 1, pointers to .eh_frame relative and signed, the table relative to its section (LSB 5.0, 10.6.2). The FDEs
// lie behind it, each with its function's first address relative to itself.
void CodeProcess::write_table() {
  auto& memory = process.memory_;
  uint64_t fdes = kTable + 0x800;
  memory.put<uint32_t>(kTable, 0x3b031b01);
  memory.put(kTable + 8, static_cast<uint32_t>(entries_.size()));
  for (size_t i = 0; i < entries_.size(); ++i) {
    uint64_t fde = fdes + i * 32;
    memory.put(kTable + 12 + i * 8, static_cast<int32_t>(entries_[i].start - kTable));
    memory.put(kTable + 16 + i * 8, static_cast<int32_t>(fde - kTable));
    memory.put<uint32_t>(fde, 28);
    memory.put(fde + 8, static_cast<int32_t>(entries_[i].start - (fde + 8)));
    memory.put(fde + 12, static_cast<uint32_t>(entries_[i].size));
  }
}

Stack CodeProcess::stack(const std::vector<uint64_t>& return_addresses) const {
  Stack stack;
  const Registers& registers = process.threads_.front().registers;
  Frame& first = stack.frames.emplace_back();
  first.pc = registers.pc();
  first.exact_pc = true;
  first.registers = FrameRegisters::all(registers);
  uint64_t sp = registers.sp().value();
  for (uint64_t address : return_addresses) {
    sp += 8;
    Frame& frame = stack.frames.emplace_back();
    frame.pc = Address(address);
    frame.found_by = FoundBy::kCfi;
    frame.registers.set(Registers::kRip, address);
    frame.registers.set(Registers::kRsp, sp);
  }
  stack.complete = true;
  return stack;
}

void CodeProcess::died(int signal, int code, std::optional<uint64_t> address) {
  process.facts_.signal = thread().signal = signal;
  process.facts_.signal_code = code;
  process.facts_.has_signal_info = true;
  if (address) process.facts_.fault_address = Address(*address);
}

}  // namespace inquest::testing
