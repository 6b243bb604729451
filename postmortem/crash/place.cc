#include "postmortem/crash/place.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace inquest::crash {
namespace {

// Frames are rarely larger. Compilers with stack probes touch each page on the way; others may jump over the guard
// page.
constexpr uint64_t kMaxFrame = 1 << 20;

std::string permissions(const MemoryRegion& region) {
  std::string text;
  text += region.readable ? 'r' : '-';
  text += region.writable ? 'w' : '-';
  text += region.executable ? 'x' : '-';
  return text;
}

bool has_access(const MemoryRegion& region) { return region.readable || region.writable || region.executable; }

const Thread* thread_of_stack(const Target& target, const MemoryRegion& region) {
  for (const Thread& thread : target.threads())
    if (region.contains(thread.registers.sp())) return &thread;
  return nullptr;
}

std::string bytes(uint64_t count) {
  if (count < 4096) return fmt::format("{} bytes", count);
  return fmt::format("{:#x} bytes", count);
}

}  // namespace

bool is_canonical(uint64_t address) {
  uint64_t top = address >> 47;
  return top == 0 || top == 0x1ffff;
}

std::string describe_region(const Names& names, const Thread& thread, const MemoryRegion& region) {
  std::string what;
  if (!region.path.empty()) {
    what = base_name(region.path);
  } else if (const Thread* owner = thread_of_stack(names.target(), region)) {
    what = owner->tid == thread.tid ? "the stack" : fmt::format("the stack of thread {}", owner->tid);
  } else if (const Module* module = names.module_of(region.start)) {
    what = base_name(module->path) + (region.writable ? " (.bss)" : "");
  } else if (!has_access(region)) {
    what = "reserved memory";
  } else {
    what = "anonymous memory";
  }
  return fmt::format("{} ({})", what, permissions(region));
}

std::string describe_place(const Names& names, const Thread& thread, Address address) {
  if (!is_canonical(address.value())) return "not a canonical address";
  const MemoryReader& memory = names.memory();
  if (const MemoryRegion* region = memory.region_of(address)) {
    std::string text = describe_region(names, thread, *region);
    if (auto data = names.data(address))
      return fmt::format("{}{} in {}", data->name, data->offset ? fmt::format("+{}", data->offset) : "", text);
    return text;
  }
  const auto& regions = memory.regions();
  auto above = std::ranges::find_if(regions, [&](const MemoryRegion& r) { return r.start > address; });
  std::string text = "nothing is mapped there";
  if (above != regions.begin()) {
    const MemoryRegion& below = *std::prev(above);
    uint64_t distance = address - below.end();
    if (distance < (1 << 30))
      text += fmt::format("; {} past the end of {}", distance ? bytes(distance) : "right",
                          describe_region(names, thread, below));
  }
  if (above != regions.end() && above->start - address < (1 << 30))
    text += fmt::format("; {} before {}", bytes(above->start - address), describe_region(names, thread, *above));
  return text;
}

const MemoryRegion* stack_region(const MemoryReader& memory, Address sp) {
  const auto& regions = memory.regions();
  auto found = std::ranges::find_if(regions, [&](const MemoryRegion& r) { return r.end() > sp; });
  // Guard pages belong to the stack above them.
  while (found != regions.end() && !has_access(*found)) ++found;
  if (found == regions.end() || !found->writable) return nullptr;
  if (!found->contains(sp) && found->start - sp > kMaxFrame) return nullptr;
  return &*found;
}

bool is_stack_overflow(const MemoryReader& memory, Address sp, Address address) {
  const MemoryRegion* stack = stack_region(memory, sp);
  if (!stack || address >= stack->start || stack->start - address > kMaxFrame + 4096) return false;
  const MemoryRegion* there = memory.region_of(address);
  if (there && has_access(*there)) return false;
  // The stack pointer itself must be about to leave the stack: a wild pointer below a shallow stack is no overflow.
  uint64_t left = sp >= stack->start ? sp - stack->start : 0;
  return left < kMaxFrame / 4 && (sp >= address ? sp - address : address - sp) <= kMaxFrame + 4096;
}

std::string pointer_look(uint64_t bits) {
  static constexpr std::array<std::pair<uint64_t, const char*>, 8> kPatterns = {{
      {0xdeadbeefdeadbeef, "a fill pattern (0xdeadbeef)"},
      {0xa5a5a5a5a5a5a5a5, "a fill pattern (0xa5: junk of an allocator)"},
      {0x5a5a5a5a5a5a5a5a, "a fill pattern (0x5a: freed memory of jemalloc)"},
      {0xcccccccccccccccc, "a fill pattern (0xcc: uninitialised memory)"},
      {0xcdcdcdcdcdcdcdcd, "a fill pattern (0xcd: uninitialised heap memory)"},
      {0xddddddddddddddddu, "a fill pattern (0xdd: freed memory)"},
      {0xfefefefefefefefe, "a fill pattern (0xfe)"},
      {0xbebebebebebebebe, "a fill pattern (0xbe: uninitialised memory of AddressSanitizer)"},
  }};
  // A field's offset may have been added to the pattern.
  for (const auto& [pattern, words] : kPatterns)
    if (bits - pattern < 4096 || pattern - bits < 256) return words;
  std::string text;
  for (int i = 0; i < 8; ++i) {
    char letter = static_cast<char>(bits >> (8 * i) & 0xff);
    if (letter < 0x20 || letter > 0x7e)
      return text.size() >= 6 && (bits >> (8 * i)) == 0 ? fmt::format("text (\"{}\")", text) : "";
    text += letter;
  }
  return fmt::format("text (\"{}\")", text);
}

}  // namespace inquest::crash
