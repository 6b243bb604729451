// What the kernel tells: for a page fault si_code SEGV_MAPERR (nothing mapped) or SEGV_ACCERR (not permitted) and the
// address that the processor reported in cr2, which is the first byte that could not be used. For a general protection
// fault (a non-canonical address, a misaligned SSE operand, a privileged instruction) SI_KERNEL and address 0
// (arch/x86/kernel/traps.c, do_general_protection); a stack fault (rsp or rbp not canonical) comes as SIGBUS the same
// way. Whether it was a read, a write or a fetch is not in siginfo: the instruction tells.
#include "postmortem/crash/memory_fault.h"

#include <fmt/format.h>

#include <algorithm>

#include "postmortem/crash/place.h"
#include "postmortem/crash/signal_words.h"

namespace inquest::crash {
namespace {

using Kind = Instruction::Kind;
constexpr uint64_t kNullPage = 0x10000;  // vm.mmap_min_addr keeps these addresses unmapped
constexpr uint32_t kStateSize = 512;     // of fxsave and others whose operand capstone gives no size

/// One access of an instruction: an operand, or the stack it uses implicitly.
struct MemoryAccess {
  Operand operand;
  Access access = Access::kRead;
  Address address;
  uint32_t size = 0;
  bool implicit = false;
};

std::string access_words(Access access) {
  switch (access) {
    case Access::kWrite: return "write";
    case Access::kExecute: return "execution";
    case Access::kReadWrite: return "write";  // the processor checks the write first
    default: return "read";
  }
}

MemoryAccess stack_access(const Scene& scene, int64_t offset, Access access) {
  MemoryAccess result;
  result.operand.kind = Operand::Kind::kMemory;
  result.operand.base = Registers::kRsp;
  result.operand.displacement = offset;
  result.access = access;
  result.size = result.operand.size = 8;
  result.implicit = true;
  result.address = Address(scene.reg(Registers::kRsp) + static_cast<uint64_t>(offset));
  return result;
}

std::optional<Address> address_of(const Scene& scene, const Operand& operand) {
  if (operand.vector_index) return std::nullopt;
  uint64_t address = static_cast<uint64_t>(operand.displacement);
  if (operand.base) address += scene.reg(*operand.base);
  if (operand.index) address += scene.reg(*operand.index) * operand.scale;
  if (operand.segment == Operand::Segment::kFs) address += scene.thread().registers.fs_base;
  if (operand.segment == Operand::Segment::kGs) address += scene.thread().registers.gs_base;
  return Address(address);
}

std::vector<MemoryAccess> accesses_of(const Scene& scene, const Instruction& at) {
  std::vector<MemoryAccess> result;
  bool uses_memory = at.kind != Kind::kLea && at.kind != Kind::kNop && at.kind != Kind::kLandingMark;
  for (const Operand& operand : at.operands) {
    if (!operand.is_memory() || !uses_memory) continue;
    auto address = address_of(scene, operand);
    if (!address) continue;
    MemoryAccess access;
    access.operand = operand;
    access.access = operand.access == Access::kNone ? Access::kRead : operand.access;
    access.address = *address;
    access.size = operand.size ? operand.size : kStateSize;
    result.push_back(access);
  }
  if (at.kind == Kind::kPush || at.flow == Flow::kCall) result.push_back(stack_access(scene, -8, Access::kWrite));
  if (at.kind == Kind::kPop || at.kind == Kind::kReturn) result.push_back(stack_access(scene, 0, Access::kRead));
  if (at.kind == Kind::kLeave) {
    MemoryAccess saved = stack_access(scene, 0, Access::kRead);
    saved.operand.base = Registers::kRbp;
    saved.address = Address(scene.reg(Registers::kRbp));
    result.push_back(saved);
  }
  return result;
}

/// "0x10(%rdi)"
std::string operand_text(const Operand& operand) {
  std::string text;
  if (operand.segment == Operand::Segment::kFs) text += "%fs:";
  if (operand.segment == Operand::Segment::kGs) text += "%gs:";
  if (operand.pc_relative) return text + fmt::format("{:#x}(%rip)", static_cast<uint64_t>(operand.displacement));
  if (operand.displacement < 0) {
    text += fmt::format("-{:#x}", ~static_cast<uint64_t>(operand.displacement) + 1);
  } else if (operand.displacement > 0 || (!operand.base && !operand.index)) {
    text += fmt::format("{:#x}", operand.displacement);
  }
  if (!operand.base && !operand.index) return text;
  text += '(';
  if (operand.base) text += fmt::format("%{}", register_name(*operand.base));
  if (operand.index) text += fmt::format(",%{},{}", register_name(*operand.index), operand.scale);
  return text + ')';
}

/// The variable that a value is, or was computed from by adding to it.
std::optional<GlobalVariable> global_in(const Value& value, int depth = 0) {
  if (value.kind == Value::Kind::kGlobal && value.location) {
    std::string name = value.name;
    if (!name.empty() && value.offset > 0) name += "+" + number(value.offset);
    return GlobalVariable{*value.location, std::move(name), value.module, value.bits};
  }
  bool passes = value.kind == Value::Kind::kSum || value.kind == Value::Kind::kEither;
  if (!passes || depth > 4) return std::nullopt;
  for (const ValuePtr& part : value.parts) {
    if (auto found = global_in(*part, depth + 1)) return found;
    if (value.kind == Value::Kind::kSum) break;  // what is added to the pointer is an index
  }
  return std::nullopt;
}

std::string bytes(uint32_t count) { return fmt::format("{} byte{}", count, count == 1 ? "" : "s"); }

/// The register of an operand that is to blame for its address.
Register culprit(const Scene& scene, const Operand& operand) {
  if (!operand.base || !operand.index) return operand.base ? operand.base : operand.index;
  uint64_t base = scene.reg(*operand.base);
  // A base that points at something real was led astray by its index.
  bool real = base >= kNullPage && is_canonical(base) && scene.memory().region_of(Address(base));
  return real ? operand.index : operand.base;
}

class MemoryFault {
 public:
  MemoryFault(const Scene& scene, Explanation& out) : scene_(scene), out_(out) {}

  void explain() {
    const Frame& frame = scene_.frame();
    bool general_protection = out_.signal.has_code && out_.signal.code == kFromKernel;
    bool fetch = !scene_.instruction_at(frame.pc) || (out_.signal.address && *out_.signal.address == frame.pc);
    const MemoryRegion* code = scene_.memory().region_of(frame.pc);
    fetch = fetch && (!code || !code->executable);
    if (fetch) return bad_jump();
    auto instruction = scene_.instruction_at(frame.pc);
    if (!instruction) return unreadable_code();
    out_.instruction = instruction;
    out_.code = scene_.code_around(frame.pc);
    if (general_protection) return protection(*instruction);
    page_fault(*instruction);
  }

 private:
  std::string head(const std::string& text) const { return fmt::format("{}: {}", out_.signal_name, text); }

  std::string access_at(const MemoryAccess& access, Address address) const {
    return fmt::format("{} of {} at {:#x}", access_words(access.access), bytes(access.size), address.value());
  }

  void take(const MemoryAccess& access) {
    out_.operand = operand_text(access.operand);
    out_.effective = access.address;
    out_.access = access.access == Access::kReadWrite ? Access::kWrite : access.access;
    out_.size = access.size;
    out_.bad_register = culprit(scene_, access.operand);
  }

  void page_fault(const Instruction& at) {
    auto accesses = accesses_of(scene_, at);
    if (!out_.signal.address) {
      out_.cause = head(fmt::format("at `{}`; the core does not say which address", at.text));
      out_.kind = "unknown";
      if (accesses.size() == 1) out_.address = accesses[0].address;
      return;
    }
    Address address = *out_.signal.address;
    out_.address = address;
    out_.place = describe_place(scene_.names(), scene_.thread(), address);
    auto hit = std::ranges::find_if(accesses,
                                    [&](const MemoryAccess& access) { return address - access.address < access.size; });
    if (hit == accesses.end()) return unexplained(at, address);
    take(*hit);
    classify(*hit, address);
    trace(*hit);
  }

  void unexplained(const Instruction& at, Address address) {
    out_.kind = "unknown";
    out_.cause = head(fmt::format("address {:#x} could not be used: {}", address.value(), out_.place));
    bool gathers = std::ranges::any_of(at.operands, &Operand::vector_index);
    out_.detail =
        gathers ? fmt::format("`{}` computes its addresses from a vector register, which is not examined", at.text)
                : fmt::format("the registers do not lead `{}` to that address: they belong to another moment", at.text);
    out_.incomplete = true;
  }

  void classify(const MemoryAccess& access, Address address) {
    Address sp(scene_.reg(Registers::kRsp));
    const MemoryRegion* region = scene_.memory().region_of(address);
    std::string what = access_at(access, address);
    uint64_t blamed = out_.bad_register ? scene_.reg(*out_.bad_register) : 1;
    if (out_.signal.number == kSigBus) return bus(access, address, region);
    if (is_stack_overflow(scene_.memory(), sp, address)) return stack_overflow(what, address);
    bool scaled = access.operand.index && out_.bad_register == access.operand.index;
    if (blamed == 0 && out_.bad_register && !scaled && access.operand.segment == Operand::Segment::kNone) {
      uint64_t offset = address.value();
      out_.kind = "null";
      out_.cause =
          head(fmt::format("{}: null pointer{}", what,
                           offset == 0             ? ""
                           : offset < (1ull << 47) ? fmt::format(" plus {}", number(static_cast<int64_t>(offset)))
                                                   : fmt::format(" minus {}", number(static_cast<int64_t>(-offset)))));
    } else if (address.value() < kNullPage || address.value() > UINT64_MAX - kNullPage) {
      out_.kind = "null";
      out_.cause = head(fmt::format("{}: an address next to null, no pointer", what));
    } else if (!region) {
      out_.kind = "unmapped";
      out_.cause = head(fmt::format("{}: {}", what, out_.place));
      unmapped_look(blamed);
    } else if (!region->readable && !region->writable && !region->executable) {
      out_.kind = "guard";
      out_.cause = head(fmt::format("{}: no access is allowed there (guard page or reserved memory)", what));
    } else if ((access.access == Access::kWrite || access.access == Access::kReadWrite) && !region->writable) {
      out_.kind = "read-only";
      out_.cause = head(fmt::format("{}: read-only memory of {}", what, out_.place));
    } else if (out_.signal.code == kSegvPkuErr) {
      out_.kind = "protection-key";
      out_.cause = head(fmt::format("{}: denied by a protection key, in {}", what, out_.place));
    } else if (access.access == Access::kRead && !region->readable) {
      out_.kind = "unreadable";
      out_.cause = head(fmt::format("{}: memory that must not be read, {}", what, out_.place));
    } else {
      out_.kind = "changed";
      out_.cause = head(fmt::format(
          "{}: {}, which is accessible in the core; it must have been mapped or unlocked since", what, out_.place));
    }
  }

  void unmapped_look(uint64_t blamed) {
    std::string look = pointer_look(blamed);
    if (look.empty()) look = pointer_look(out_.address->value());
    if (!look.empty()) {
      out_.remarks.push_back(fmt::format("The pointer looks like {}, not like an address.", look));
    } else if (out_.signal.code == kSegvMapErr) {
      const auto& regions = scene_.memory().regions();
      auto above = std::ranges::find_if(regions, [&](const MemoryRegion& r) { return r.start > *out_.address; });
      bool between = above != regions.begin() && above != regions.end() && above->start - *out_.address < (1ull << 30);
      if (between)
        out_.remarks.push_back(
            "It lies among addresses that are in use: likely memory that was given back (munmap, free of a large "
            "block, "
            "dlclose), or an index out of range.");
    }
  }

  void stack_overflow(const std::string& what, Address address) {
    out_.kind = "stack-overflow";
    const MemoryRegion* stack = stack_region(scene_.memory(), Address(scene_.reg(Registers::kRsp)));
    const MemoryRegion* there = scene_.memory().region_of(address);
    out_.place = there ? "the guard page below the stack" : "below the end of the stack";
    out_.cause =
        head(fmt::format("stack overflow: {}, {} of {} KiB", what, out_.place, stack ? stack->size / 1024 : 0));
    out_.detail = recursion();
  }

  std::string function_at(Address pc) const {
    std::string name = scene_.names().function(pc).name;
    if (!name.empty()) return name;
    auto range = scene_.names().range(pc);
    return range ? fmt::format("the function at {}", scene_.names().describe_code(range->start)) : "";
  }

  // The deepest function that comes again and again in the first frames is what recurses.
  std::string recursion() {
    const auto& frames = scene_.stack().frames;
    size_t looked = std::min<size_t>(frames.size(), scene_.first() + 200);
    std::string text;
    std::vector<std::pair<std::string, int>> counts;
    for (size_t i = scene_.first(); i < looked; ++i) {
      std::string name = function_at(frames[i].lookup_pc());
      auto found = std::ranges::find(counts, name, &std::pair<std::string, int>::first);
      if (name.empty()) continue;
      if (found == counts.end()) {
        counts.emplace_back(name, 1);
      } else {
        ++found->second;
      }
    }
    auto most = std::ranges::max_element(counts, {}, &std::pair<std::string, int>::second);
    if (most != counts.end() && most->second > 10) {
      text = "endless recursion? ";
      std::string cycle;
      for (const auto& [name, count] : counts)
        if (count * 3 >= most->second) cycle += (cycle.empty() ? "" : ", ") + name;
      text += fmt::format("{} again and again, ", cycle);
      out_.repeated = std::move(cycle);
    }
    bool all = scene_.stack().complete;
    return text +
           fmt::format("in {}{}", scene_.where(scene_.frame()),
                       frames.size() > 2 ? fmt::format("; {}{} frames", all ? "" : "at least ", frames.size()) : "");
  }

  void bus(const MemoryAccess& access, Address address, const MemoryRegion* region) {
    std::string what = access_at(access, address);
    if (out_.signal.code == kBusAlignment) {
      out_.kind = "misaligned";
      out_.cause = head(fmt::format("{}: misaligned, and alignment checks are on", what));
    } else if (region && !region->path.empty()) {
      out_.kind = "beyond-file";
      out_.cause = head(fmt::format("{}: beyond the end of the mapped file {} (offset {})", what, region->path,
                                    number(static_cast<int64_t>(region->file_offset + (address - region->start)))));
    } else {
      out_.kind = "no-memory";
      out_.cause = head(fmt::format("{}: the kernel had no memory for {}", what, out_.place));
    }
    if (access.operand.base) out_.bad_register = access.operand.base;
  }

  // A general protection fault: the processor gave no address, so the operands are checked for what it refuses.
  void protection(const Instruction& at) {
    auto accesses = accesses_of(scene_, at);
    for (const MemoryAccess& access : accesses) {
      if (is_canonical(access.address.value())) continue;
      take(access);
      out_.address = access.address;
      out_.place = "not a canonical address";
      out_.kind = "non-canonical";
      out_.cause = head(fmt::format("{}, which is not a canonical address", access_at(access, access.address)));
      if (out_.bad_register) {
        std::string look = pointer_look(scene_.reg(*out_.bad_register));
        if (!look.empty()) out_.remarks.push_back(fmt::format("The pointer looks like {}, not like an address.", look));
      }
      return trace(access);
    }
    if (at.kind == Kind::kReturn || at.flow == Flow::kCall || at.flow == Flow::kJump) {
      if (auto target = jump_target(at); target && !is_canonical(target->value())) return jump_to_nowhere(at, *target);
    }
    for (const MemoryAccess& access : accesses) {
      if (at.aligned == 0 || access.implicit || access.address.value() % at.aligned == 0) continue;
      take(access);
      out_.address = access.address;
      out_.place = describe_place(scene_.names(), scene_.thread(), access.address);
      out_.kind = "misaligned";
      out_.cause = head(fmt::format("misaligned {}: `{}` needs a multiple of {}", access_at(access, access.address),
                                    at.text, at.aligned));
      return trace(access);
    }
    if (auto refused = std::ranges::find_if(accesses, [&](const MemoryAccess& access) { return is_refused(access); });
        at.kind != Kind::kPrivileged && refused != accesses.end()) {
      return undelivered(*refused);
    }
    out_.kind = at.kind == Kind::kPrivileged ? "privileged" : "protection";
    out_.cause = head(at.kind == Kind::kPrivileged
                          ? fmt::format("`{}` is for the kernel alone", at.text)
                          : fmt::format("the processor refused `{}` (general protection fault)", at.text));
    out_.detail = "in " + scene_.where(scene_.frame());
  }

  /// Whether the page of a canonical address raises a page fault: nothing is mapped there, or not for that access.
  bool is_refused(const MemoryAccess& access) const {
    const MemoryRegion* region = scene_.memory().region_of(access.address);
    if (!region) return true;
    bool writes = access.access == Access::kWrite || access.access == Access::kReadWrite;
    return writes ? !region->writable : !region->readable && !region->writable && !region->executable;
  }

  /// A page fault whose handler the kernel could not call, because the stack had no room for the handler's frame. It
  /// then sends SIGSEGV by itself (kernel/signal.c, force_fatal_sig), with SI_KERNEL and without the address.
  void undelivered(const MemoryAccess& access) {
    take(access);
    out_.address = access.address;
    out_.place = describe_place(scene_.names(), scene_.thread(), access.address);
    classify(access, access.address);
    out_.remarks.emplace_back(
        "The kernel says no address: most likely the program has a handler for this signal, and its stack had no room "
        "to "
        "call it.");
    trace(access);
  }

  std::optional<Address> jump_target(const Instruction& at) const {
    if (at.kind == Kind::kReturn) return scene_.memory().read_pointer(Address(scene_.reg(Registers::kRsp)));
    if (at.operands.empty()) return std::nullopt;
    if (at.operands[0].is_register()) return Address(scene_.reg(*at.operands[0].reg));
    if (!at.operands[0].is_memory()) return at.target;
    auto location = address_of(scene_, at.operands[0]);
    return location ? scene_.memory().read_pointer(*location) : std::nullopt;
  }

  void jump_to_nowhere(const Instruction& at, Address target) {
    out_.address = target;
    out_.place = "not a canonical address";
    out_.access = Access::kExecute;
    out_.kind = "bad-jump";
    const char* verb = at.kind == Kind::kReturn ? "return" : at.flow == Flow::kCall ? "call" : "jump";
    out_.cause = head(fmt::format("{} to {:#x}, which is not a canonical address", verb, target.value()));
    if (at.kind == Kind::kReturn) {
      out_.detail = fmt::format("the return address of {} has been overwritten", scene_.where(scene_.frame()));
    } else {
      trace_target(scene_.open(scene_.frame(), scene_.first()));
    }
    std::string look = pointer_look(target.value());
    if (!look.empty()) out_.remarks.push_back(fmt::format("The target looks like {}, not like an address.", look));
  }

  // The program counter is the bad address: what went wrong is in the caller.
  void bad_jump() {
    Address pc = scene_.frame().pc;
    out_.address = pc;
    out_.access = Access::kExecute;
    out_.place = describe_place(scene_.names(), scene_.thread(), pc);
    const MemoryRegion* region = scene_.memory().region_of(pc);
    auto below = scene_.memory().read_u64(Address(scene_.reg(Registers::kRsp) - 8));
    auto caller = scene_.open_caller_by_stack();
    bool by_call = caller && !caller->instruction().target;
    bool returned = !by_call && below == pc.value();
    out_.kind = pc.value() < kNullPage ? "null-call" : region ? "not-executable" : "bad-jump";
    const char* verb = returned ? "return" : by_call ? "call" : "jump";
    std::string target = pc.is_null()             ? "through a null pointer"
                         : pc.value() < kNullPage ? fmt::format("to {:#x}, next to null", pc.value())
                         : region ? fmt::format("to {:#x} in {}, which is not executable", pc.value(), out_.place)
                                  : fmt::format("through a bad pointer, {:#x}: {}", pc.value(), out_.place);
    out_.cause = head(fmt::format("{} {}", verb, target));
    std::string look = pointer_look(pc.value());
    if (!look.empty()) out_.remarks.push_back(fmt::format("The target looks like {}, not like an address.", look));
    if (returned) {
      out_.detail =
          "the word just below the stack pointer is that address: the return address of a function has been "
          "overwritten";
      return;
    }
    trace_target(std::move(caller));
  }

  void trace_target(std::optional<CodeFrame> caller) {
    if (!caller || caller->instruction().operands.empty()) {
      out_.detail = "the code that jumped there is unknown: the stack holds no return address to it";
      return;
    }
    const Instruction& at = caller->instruction();
    out_.instruction = at;
    out_.code = scene_.code_around(at.address);
    OriginTracer tracer(scene_.names(), scene_.disassembler(), scene_.thread(), *caller->code, caller->index,
                        caller->frame);
    std::string where = scene_.where(caller->frame);
    if (at.target) {
      out_.detail =
          fmt::format("jumped to from {}, which {} had called", scene_.names().describe_code(*at.target), where);
      return;
    }
    ValuePtr value = tracer.trace_operand(at.operands[0]);
    std::string subject;
    if (at.operands[0].is_register()) {
      out_.bad_register = at.operands[0].reg;
      subject = register_with_value(*at.operands[0].reg, value->bits);
      out_.operand = fmt::format("*%{}", register_name(*at.operands[0].reg));
    } else {
      out_.operand = "*" + operand_text(at.operands[0]);
      out_.effective = tracer.address_of(at.operands[0]);
      subject = fmt::format("the target of `{}`", at.text);
    }
    out_.global = global_in(*scene_.follow(*caller, value, out_.origin));
    out_.detail = detail_of(scene_, subject, out_.origin);
  }

  void trace(const MemoryAccess& access) {
    if (out_.kind == "stack-overflow") return;
    std::string where = scene_.where(scene_.frame());
    auto opened = scene_.open(scene_.frame(), scene_.first());
    if (!out_.bad_register || !opened) {
      out_.detail = access.operand.is_absolute()
                        ? fmt::format("`{}` in {} uses that address itself", out_.instruction->text, where)
                        : fmt::format("in {}", where);
      return;
    }
    if (access.implicit && access.operand.base == Registers::kRsp) {
      out_.detail = fmt::format("rsp, {:#x}, is no stack pointer; in {}", scene_.reg(Registers::kRsp), where);
      return;
    }
    OriginTracer tracer(scene_.names(), scene_.disassembler(), scene_.thread(), *opened->code, opened->index,
                        opened->frame);
    ValuePtr value = tracer.trace(*out_.bad_register);
    out_.global = global_in(*scene_.follow(*opened, value, out_.origin));
    out_.detail =
        detail_of(scene_, register_with_value(*out_.bad_register, scene_.reg(*out_.bad_register)), out_.origin);
  }

  void unreadable_code() {
    Address pc = scene_.frame().pc;
    out_.kind = "unknown";
    if (out_.signal.address) {
      out_.address = out_.signal.address;
      out_.place = describe_place(scene_.names(), scene_.thread(), *out_.address);
      out_.cause = head(fmt::format("access to {:#x}: {}", out_.address->value(), out_.place));
      if (out_.address->value() < kNullPage) {
        out_.kind = "null";
        out_.cause = head(fmt::format("access to {:#x}: a null pointer, or next to it", out_.address->value()));
      }
    } else {
      out_.cause = head("the processor refused an instruction or address");
    }
    const Module* module = scene_.names().module_of(pc);
    out_.detail = fmt::format(
        "the instruction at {} cannot be read{}", scene_.names().describe_code(pc),
        module && module->missing ? ": its file is missing or another build, and the core does not hold it" : "");
    out_.incomplete = true;
  }

  const Scene& scene_;
  Explanation& out_;
};

}  // namespace

std::string register_with_value(Registers::Index index, std::optional<uint64_t> value) {
  if (!value) return register_name(index);
  if (*value == 0) return fmt::format("{}, null,", register_name(index));
  return fmt::format("{} ({:#x})", register_name(index), *value);
}

std::string detail_of(const Scene& scene, const std::string& subject, const std::vector<OriginStep>& steps) {
  std::string text = subject;
  if (steps.empty()) return fmt::format("{} has an unknown origin; in {}", subject, scene.where(scene.frame()));
  text += " " + steps[0].text;
  // The function may have been named already, as the one whose argument it is; then only its line is news.
  const std::string& function = steps[0].function;
  std::string name = function.substr(0, function.rfind(" ("));
  if (!text.ends_with(" of " + name)) {
    text += ", in " + function;
  } else if (name != function) {
    text += function.substr(name.size());
  }
  for (size_t i = 1; i < steps.size(); ++i)
    text += fmt::format("; passed by {}, where it {}", steps[i].function, steps[i].text);
  return text;
}

bool accesses_address(const Scene& scene, Address address) {
  auto instruction = scene.instruction_at(scene.frame().pc);
  if (!instruction) return false;
  return std::ranges::any_of(accesses_of(scene, *instruction),
                             [&](const MemoryAccess& access) { return address - access.address < access.size; });
}

std::optional<Address> unusable_address(const Scene& scene) {
  auto instruction = scene.instruction_at(scene.frame().pc);
  if (!instruction) return std::nullopt;
  for (const MemoryAccess& access : accesses_of(scene, *instruction))
    if (!scene.memory().region_of(access.address)) return access.address;
  return std::nullopt;
}

void explain_memory_fault(const Scene& scene, Explanation& explanation) { MemoryFault(scene, explanation).explain(); }

}  // namespace inquest::crash
