#include "tests/support/fake_process.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace inquest::testing {

MemoryRegion& FakeMemory::map(uint64_t start, uint64_t size, uint64_t available) {
  MemoryRegion region;
  region.start = Address(start);
  region.size = size;
  region.available = std::min(size, available);
  region.readable = region.writable = true;
  // Bytes that are not available exist here, so that reading them goes unpunished and shows in the result.
  bytes_[start].resize(std::min<uint64_t>(size, region.available + 0x1000));
  auto next =
      std::find_if(regions_.begin(), regions_.end(), [&](const MemoryRegion& r) { return r.start > region.start; });
  return *regions_.insert(next, region);
}

void FakeMemory::cut(uint64_t start, uint64_t available) {
  for (MemoryRegion& region : regions_) {
    if (region.start == Address(start)) region.available = std::min(region.size, available);
  }
}

void FakeMemory::put_bytes(uint64_t address, const void* bytes, size_t size) {
  auto found = bytes_.upper_bound(address);
  if (found == bytes_.begin()) throw std::out_of_range("nothing is mapped there");
  --found;
  if (address - found->first + size > found->second.size()) throw std::out_of_range("nothing is mapped there");
  std::memcpy(found->second.data() + (address - found->first), bytes, size);
}

std::span<const std::byte> FakeMemory::view(Address address, uint64_t limit) const {
  const MemoryRegion* region = region_of(address);
  if (!region || address - region->start >= region->available) return {};
  uint64_t offset = address - region->start;
  return std::span(bytes_.at(region->start.value())).subspan(offset, std::min(limit, region->available - offset));
}

void FakeSymbols::add(const std::string& name, uint64_t value, uint64_t size) {
  auto [entry, fresh] = symbols_.insert_or_assign(name, Symbol{});
  entry->second = {.name = entry->first, .value = value, .size = size};
}

std::optional<Symbol> FakeSymbols::find(std::string_view name) const {
  auto found = symbols_.find(name);
  return found == symbols_.end() ? std::nullopt : std::optional(found->second);
}

void FakeSymbols::for_each_with_prefix(std::string_view prefix, const std::function<void(const Symbol&)>& visit) const {
  for (const auto& [name, symbol] : symbols_) {
    if (name.starts_with(prefix)) visit(symbol);
  }
}

std::optional<Symbol> FakeSymbols::covering(uint64_t value) const {
  for (const auto& [name, symbol] : symbols_) {
    if (value - symbol.value < symbol.size) return symbol;
  }
  return std::nullopt;
}

FakeBinary::FakeBinary() : symbols(std::make_shared<FakeSymbols>()) {
  MemoryRegion& region = process.memory_.map(kStart, kSize);
  region.writable = false;
  region.path = "/opt/node";
  Module module;
  module.path = module.file = region.path;
  module.start = Address(kStart);
  module.end = Address(kStart + kSize);
  module.bias = kBias;
  module.is_executable = true;
  module.symbols = symbols;
  process.modules_.push_back(module);
}

uint64_t FakeBinary::allocate(uint64_t size) {
  uint64_t at = next_;
  next_ += (size + 7) & ~7ull;
  if (next_ > kStart + kSize) throw std::length_error("the fake module is full");
  return at;
}

FakeBinary& FakeBinary::constant(const std::string& symbol, int32_t value) {
  uint64_t at = allocate(4);
  process.memory_.put(at, value);
  symbols->add(symbol, module().link_time(Address(at)), 4);
  return *this;
}

FakeBinary& FakeBinary::version(const v8::V8Version& version) {
  constant("_ZN2v88internal7Version6major_E", version.major);
  constant("_ZN2v88internal7Version6minor_E", version.minor);
  constant("_ZN2v88internal7Version6build_E", version.build);
  return constant("_ZN2v88internal7Version6patch_E", version.patch);
}

void FakeBinary::root_names(const std::vector<std::string>& names, bool with_symbol) {
  std::vector<uint64_t> pointers;
  allocate(8);  // zeros in front of the first text
  for (const std::string& name : names) {
    pointers.push_back(allocate(name.size() + 1));
    process.memory_.put_bytes(pointers.back(), name.c_str(), name.size() + 1);
  }
  allocate(8);
  uint64_t array = allocate(8 * names.size());
  allocate(8);
  process.memory_.put_bytes(array, pointers.data(), 8 * pointers.size());
  if (with_symbol) {
    symbols->add("_ZN2v88internal10RootsTable11root_names_E", module().link_time(Address(array)), 8 * names.size());
  }
}

}  // namespace inquest::testing
