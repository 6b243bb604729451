#include "commands/address_place.h"

#include <fmt/format.h>

#include <algorithm>

#include "commands/native_stack.h"
#include "postmortem/crash/malloc_place.h"
#include "postmortem/crash/names.h"
#include "postmortem/crash/place.h"

namespace inquest::commands {
namespace {

constexpr uint64_t kNearNull = 0x10000;             ///< below vm.mmap_min_addr of all distributions
constexpr uint64_t kMaxGuard = 1ull << 20;          ///< larger inaccessible mappings are reservations
constexpr uint64_t kVsyscall = 0xffffffffff600000;  ///< in every process of x86-64
constexpr size_t kMaxFrames = 100'000;

bool has_access(const MemoryRegion& region) { return region.readable || region.writable || region.executable; }

std::string permissions_of(const MemoryRegion& region) {
  return {region.readable ? 'r' : '-', region.writable ? 'w' : '-', region.executable ? 'x' : '-'};
}

/// The thread whose stack pointer lies in `region`; of several the one that is nearest below `address`.
const Thread* owner_of_stack(const Target& target, const MemoryRegion& region, Address address) {
  const Thread* owner = nullptr;
  for (const Thread& thread : target.threads()) {
    Address sp = thread.registers.sp();
    if (!region.contains(sp)) continue;
    bool nearer =
        owner == nullptr || (sp <= address && (owner->registers.sp() > address || sp > owner->registers.sp()));
    if (nearer) owner = &thread;
  }
  return owner;
}

class Describer {
 public:
  Describer(Session& session, v8::Runtime* runtime, Address address)
      : session_(session), target_(session.target()), runtime_(runtime), address_(address) {}

  AddressPlace describe(bool outside) {
    region_ = target_.memory().region_of(address_);
    if (region_ == nullptr) {
      unmapped();
      return std::move(place_);
    }
    mapping();
    if (!outside) return std::move(place_);
    if (!has_access(*region_)) {
      guard();
    } else if (!symbol() && !stack() && !malloc()) {
      bool file = !region_->path.empty();
      place_.kind = file ? "file" : "anonymous";
      bool kernel = region_->start.value() == kVsyscall;
      place_.text = file     ? "mapping of " + crash::base_name(region_->path)
                    : kernel ? "system calls of old programs (vsyscall), made by the kernel"
                             : "anonymous memory";
    }
    return std::move(place_);
  }

 private:
  void unmapped() {
    bool canonical = crash::is_canonical(address_.value());
    bool near_null = address_.value() < kNearNull;
    place_.kind = near_null ? "null" : canonical ? "unmapped" : "non-canonical";
    place_.text = near_null
                      ? address_.is_null() ? "the null pointer" : "next to the null pointer, nothing is mapped there"
                  : canonical ? "nothing is mapped there"
                              : "no canonical address: nothing can be mapped there";
    if (near_null || !canonical) return;
    const auto& regions = target_.memory().regions();
    auto above = std::ranges::upper_bound(regions, address_, {}, &MemoryRegion::start);
    if (above != regions.begin()) {
      const MemoryRegion& below = *std::prev(above);
      place_.below = name_of(below);
      place_.below_distance = address_ - below.end();
      place_.lines.push_back(fmt::format("{:#x} bytes behind the end of {}", address_ - below.end(), place_.below));
    }
    if (above != regions.end()) {
      place_.above = name_of(*above);
      place_.above_distance = above->start - address_;
      place_.lines.push_back(fmt::format("{:#x} bytes before {}", above->start - address_, place_.above));
    }
  }

  std::string name_of(const MemoryRegion& region) const {
    std::string what = region.path;
    if (what.empty()) {
      if (const Thread* owner = owner_of_stack(target_, region, region.start))
        what = fmt::format("the stack of thread {}", owner->tid);
    }
    if (what.empty()) what = has_access(region) ? "anonymous memory" : "inaccessible memory";
    return fmt::format("{} ({:#x}-{:#x} {})", what, region.start.value(), region.end().value(), permissions_of(region));
  }

  static std::string name_of(const CodeLocation& location) {
    return location.from_symbol ? crash::demangle(location.function) : std::string(location.function);
  }

  /// The mapping itself, which every address has that is mapped.
  void mapping() {
    place_.permissions = permissions_of(*region_);
    place_.start = region_->start;
    place_.end = region_->end();
    place_.file = region_->path;
    if (!region_->path.empty()) place_.file_offset = region_->file_offset + (address_ - region_->start);
    const Module* module = module_at();
    if (module != nullptr) place_.build_id = module->build_id;
    std::string file =
        region_->path.empty() ? "anonymous" : fmt::format("{} + {:#x}", region_->path, *place_.file_offset);
    place_.lines.push_back(fmt::format("mapping {:#x}-{:#x} {} {}{}", place_.start.value(), place_.end.value(),
                                       place_.permissions, file,
                                       place_.build_id.empty() ? "" : ", build-id " + place_.build_id));
    if (region_->available <= address_ - region_->start && has_access(*region_))
      place_.lines.push_back(fmt::format("its bytes cannot be had: {}", to_string(region_->missing)));
  }

  const Module* module_at() const { return crash::Names(target_, session_.debug_info()).module_of(address_); }

  void guard() {
    const auto& regions = target_.memory().regions();
    auto next = std::ranges::find(regions, region_->end(), &MemoryRegion::start);
    const Thread* owner = next == regions.end() ? nullptr : owner_of_stack(target_, *next, next->start);
    bool small = region_->size <= kMaxGuard;
    place_.kind = small ? "guard" : "reserved";
    place_.text = small ? "guard page: memory without any access" : "reserved memory without any access";
    if (owner == nullptr) return;
    place_.kind = "guard";
    place_.tid = owner->tid;
    place_.text = fmt::format("guard page below the stack of thread {}", owner->tid);
  }

  bool symbol() {
    const Module* module = module_at();
    if (module == nullptr) return false;
    crash::Names names(target_, session_.debug_info());
    std::string in = crash::base_name(module->path);
    if (region_->executable) {
      place_.kind = "code";
      place_.text = "code of " + in;
      auto locations = names.locate(address_);
      if (locations.empty() || locations.back().function.empty()) return true;
      const CodeLocation& function = locations.back();
      place_.symbol = name_of(function);
      Address start(0);
      if (function.function_start != 0) start = module->runtime(function.function_start);
      auto covering = module->symbols ? module->symbols->covering(module->link_time(address_)) : std::nullopt;
      if (covering && (start.is_null() || start > address_)) start = module->runtime(covering->value);
      // Rarely used parts of a function may lie in front of it.
      if (!start.is_null() && start <= address_) place_.symbol_offset = address_ - start;
      place_.source_file = locations.front().file;
      place_.source_line = static_cast<uint32_t>(locations.front().line);
      std::string line =
          place_.source_file.empty() ? "" : fmt::format(" at {}:{}", place_.source_file, place_.source_line);
      std::string offset = place_.symbol_offset ? fmt::format(" + {}", *place_.symbol_offset) : " (a part apart)";
      place_.text = fmt::format("{}{} in {}{}", place_.symbol, offset, in, line);
      return true;
    }
    bool bss = region_->path.empty();
    auto data = names.data(address_);
    if (!data && bss && crash::find_in_malloc(target_, address_)) return false;  // brk follows the last module
    place_.kind = "data";
    place_.text = fmt::format("{} of {}", region_->writable ? bss ? "variables (.bss)" : "variables" : "constants", in);
    if (!data) return true;
    place_.symbol = data->name.substr(0, data->name.find('@'));
    place_.symbol_offset = data->offset;
    place_.text = fmt::format("{} + {} in {}", place_.symbol, data->offset, in);
    return true;
  }

  bool stack() {
    const Thread* owner = owner_of_stack(target_, *region_, address_);
    if (owner == nullptr) return false;
    place_.kind = "stack";
    place_.tid = owner->tid;
    place_.text = fmt::format("stack of thread {}", owner->tid);
    if (!owner->name.empty()) place_.text += fmt::format(" ({})", owner->name);
    Address sp = owner->registers.sp();
    if (address_ < sp) {
      place_.text +=
          fmt::format(", {} bytes below the stack pointer: left over from calls that returned", sp - address_);
      return true;
    }
    frame(*owner);
    return true;
  }

  /// Frame number n reaches from where its caller's begins down to where the frame below ends.
  void frame(const Thread& thread) {
    UnwindOptions options{.max_frames = kMaxFrames};
    if (runtime_ != nullptr) options.stepper = &runtime_->frame_stepper();
    Stack stack = session_.unwinder().unwind(thread, options);
    size_t number = 0;
    while (number < stack.frames.size() && !stack.frames[number].cfa.is_null() && stack.frames[number].cfa <= address_)
      ++number;
    if (number >= stack.frames.size() || stack.frames[number].cfa.is_null()) return;
    Frame found = stack.frames[number];
    std::string name;
    if (runtime_ != nullptr && runtime_->frame_stepper().owns(found)) {
      auto functions = runtime_->describe_frame(found);
      if (!functions.empty()) name = functions.back().function;
    } else {
      Stack alone;
      alone.frames.push_back(found);
      NativeStack named = name_stack(session_, thread, std::move(alone), WithArguments::kNo);
      if (!named.frames.empty()) name = name_of(named.frames.back().location);
    }
    place_.frame = number;
    place_.frame_function = name;
    place_.text += fmt::format(", frame at {:#x}{}", found.pc.value(), name.empty() ? "" : " " + name);
  }

  bool malloc() {
    auto found = crash::find_in_malloc(target_, address_);
    if (!found) return false;
    place_.kind = "malloc";
    using Kind = crash::MallocPlace::Kind;
    place_.arena = found->kind == Kind::kMain ? "main" : found->kind == Kind::kArena ? "thread" : "mapped";
    place_.text = found->kind == Kind::kMain    ? "malloc's heap ([heap])"
                  : found->kind == Kind::kArena ? "malloc's heap of a thread"
                                                : "memory mapped by malloc";
    place_.block = found->block;
    place_.block_size = found->block_size;
    place_.block_free = found->free;
    if (!found->block.is_null()) {
      place_.text += fmt::format(", block {:#x} + {} of {} bytes{}", found->block.value(), address_ - found->block,
                                 found->block_size, found->free.value_or(false) ? ", free" : "");
    }
    return true;
  }

  Session& session_;
  const Target& target_;
  v8::Runtime* runtime_;
  Address address_;
  const MemoryRegion* region_ = nullptr;
  AddressPlace place_;
};

}  // namespace

void AddressPlace::write(JsonWriter& json) const {
  if (!end.is_null()) {
    json.begin_object("mapping");
    json.field("start", start);
    json.field("end", end);
    json.field("permissions", permissions);
    json.field_if_known("file", file);
    if (file_offset) json.field("file_offset", *file_offset);
    json.field_if_known("build_id", build_id);
    json.end_object();
  }
  if (!symbol.empty()) {
    json.field("symbol", symbol);
    if (symbol_offset) json.field("symbol_offset", *symbol_offset);
  }
  json.field_if_known("file", source_file);
  if (source_line != 0) json.field("line", source_line);
  if (tid) json.field("tid", *tid);
  if (frame) json.field("frame", *frame);
  json.field_if_known("function", frame_function);
  json.field_if_known("arena", arena);
  if (!block.is_null()) {
    json.field("block", block);
    json.field("block_size", block_size);
    if (block_free) json.field("block_free", *block_free);
  }
  for (auto [key, name, distance] :
       {std::tuple("below", &below, &below_distance), {"above", &above, &above_distance}}) {
    if (!*distance) continue;
    json.begin_object(key);
    json.field("mapping", *name);
    json.field("distance", **distance);
    json.end_object();
  }
}

AddressPlace place_of(Session& session, v8::Runtime* runtime, Address address, bool outside) {
  return Describer(session, runtime, address).describe(outside);
}

}  // namespace inquest::commands
