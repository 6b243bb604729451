#include "postmortem/elf/elf_symbols.h"

#include <algorithm>
#include <bit>

namespace inquest::elf {
namespace {

// Names of a hostile table may all be one 100 MB string; a real one (a C++ template instance) stays far below this.
constexpr uint64_t kMaxName = 64 * 1024;

// A symbol that stands for an address or a TLS offset of this image.
bool is_defined(const Elf64_Sym& symbol) {
  unsigned type = ELF64_ST_TYPE(symbol.st_info);
  return symbol.st_shndx != SHN_UNDEF && symbol.st_name != 0 && type != STT_SECTION && type != STT_FILE;
}

bool is_function(const Elf64_Sym& symbol) {
  unsigned type = ELF64_ST_TYPE(symbol.st_info);
  return type == STT_FUNC || type == STT_GNU_IFUNC;
}

int binding_rank(const Elf64_Sym& symbol) {
  switch (ELF64_ST_BIND(symbol.st_info)) {
    case STB_GLOBAL:
    case STB_GNU_UNIQUE: return 2;
    case STB_WEAK: return 1;
    default: return 0;
  }
}

// wyhash-like mixing, eight bytes at a time: names share long prefixes (_ZN2v88internal...) and differ near the end.
uint32_t hash_name(std::string_view name) {
  uint64_t hash = name.size() * 0x9e3779b97f4a7c15u;
  const char* at = name.data();
  size_t left = name.size();
  auto mix = [&hash](uint64_t word) {
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  };
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    mix(word);
  }
  uint64_t tail = 0;
  std::memcpy(&tail, at, left);
  mix(tail);
  return static_cast<uint32_t>(hash);
}

}  // namespace

SymbolTable::SymbolTable(Bytes entries, Bytes strings, std::vector<uint64_t> section_ends)
    : entries_(entries.data()), strings_(strings), section_ends_(std::move(section_ends)) {
  count_ = static_cast<uint32_t>(std::min<uint64_t>(entries.size() / sizeof(Elf64_Sym), UINT32_MAX / 4));
}

Elf64_Sym SymbolTable::symbol_at(uint32_t entry) const {
  Elf64_Sym symbol;
  std::memcpy(&symbol, entries_ + uint64_t{entry} * sizeof(Elf64_Sym), sizeof(symbol));
  return symbol;
}

std::string_view SymbolTable::name_at(uint32_t offset) const { return c_string(slice(strings_, offset, kMaxName), 0); }

Symbol SymbolTable::to_symbol(const Elf64_Sym& raw) const {
  Symbol symbol;
  symbol.name = name_at(raw.st_name);
  symbol.value = raw.st_value;
  symbol.size = raw.st_size;
  symbol.is_function = is_function(raw);
  symbol.is_tls = ELF64_ST_TYPE(raw.st_info) == STT_TLS;
  return symbol;
}

void SymbolTable::build_names() const {
  names_.resize(std::bit_ceil(uint64_t{count_} * 2 + 2));
  uint64_t mask = names_.size() - 1;
  for (uint32_t i = 1; i < count_; ++i) {
    Elf64_Sym symbol = symbol_at(i);
    if (!is_defined(symbol)) continue;
    std::string_view name = name_at(symbol.st_name);
    uint32_t hash = hash_name(name);
    uint64_t at = hash & mask;
    // Equal names share one slot; equal hashes of different names are told apart by find().
    while (names_[at].entry != 0) {
      if (names_[at].hash == hash) {
        Elf64_Sym other = symbol_at(names_[at].entry);
        if (other.st_name == symbol.st_name || name_at(other.st_name) == name) {
          if (binding_rank(symbol) > binding_rank(other)) names_[at].entry = i;
          break;
        }
      }
      at = (at + 1) & mask;
    }
    if (names_[at].entry == 0) names_[at] = {hash, i};
  }
}

std::optional<Symbol> SymbolTable::find(std::string_view name) const {
  std::call_once(names_once_, [this] { build_names(); });
  uint32_t hash = hash_name(name);
  uint64_t mask = names_.size() - 1;
  for (uint64_t at = hash & mask; names_[at].entry != 0; at = (at + 1) & mask) {
    if (names_[at].hash != hash) continue;
    Elf64_Sym symbol = symbol_at(names_[at].entry);
    if (name_at(symbol.st_name) == name) return to_symbol(symbol);
  }
  return std::nullopt;
}

void SymbolTable::for_each_with_prefix(std::string_view prefix, const std::function<void(const Symbol&)>& visit) const {
  for (uint32_t i = 1; i < count_; ++i) {
    Elf64_Sym symbol = symbol_at(i);
    if (!is_defined(symbol)) continue;
    Bytes name = slice(strings_, symbol.st_name, prefix.size());
    if (name.size() == prefix.size() && std::memcmp(name.data(), prefix.data(), prefix.size()) == 0)
      visit(to_symbol(symbol));
  }
}

// Of two symbols at one address: the larger one comes first in the array, so that the better one is met first when
// walking backwards: sized before sizeless, global before weak before local, then by name to be deterministic.
bool SymbolTable::better_at_address(uint32_t a, uint32_t b) const {
  Elf64_Sym x = symbol_at(a), y = symbol_at(b);
  if ((x.st_size != 0) != (y.st_size != 0)) return x.st_size != 0;
  if (is_function(x) != is_function(y)) return is_function(x);
  if (binding_rank(x) != binding_rank(y)) return binding_rank(x) > binding_rank(y);
  if (x.st_size != y.st_size) return x.st_size < y.st_size;
  int order = name_at(x.st_name).compare(name_at(y.st_name));
  return order != 0 ? order < 0 : a < b;
}

void SymbolTable::build_addresses() const {
  for (uint32_t i = 1; i < count_; ++i) {
    Elf64_Sym symbol = symbol_at(i);
    unsigned type = ELF64_ST_TYPE(symbol.st_info);
    if (!is_defined(symbol) || type == STT_TLS || symbol.st_shndx == SHN_ABS) continue;
    addresses_.push_back({symbol.st_value, 0, i});
  }
  std::sort(addresses_.begin(), addresses_.end(), [this](const AddressEntry& a, const AddressEntry& b) {
    return a.value != b.value ? a.value < b.value : a.entry != b.entry && better_at_address(b.entry, a.entry);
  });
  uint64_t max_end = 0;
  for (AddressEntry& entry : addresses_) {
    uint64_t size = symbol_at(entry.entry).st_size;
    max_end = std::max(max_end, entry.value + std::min(size, UINT64_MAX - entry.value));
    entry.max_end = max_end;
  }
}

std::optional<Symbol> SymbolTable::covering(uint64_t value) const {
  std::call_once(addresses_once_, [this] { build_addresses(); });
  auto next = std::upper_bound(addresses_.begin(), addresses_.end(), value,
                               [](uint64_t v, const AddressEntry& entry) { return v < entry.value; });
  if (next == addresses_.begin()) return std::nullopt;
  // A sizeless symbol reaches to the next symbol, so only one at the nearest address below may answer.
  uint64_t nearest = std::prev(next)->value;
  std::optional<Symbol> sizeless;
  // Nested symbols are few; the bound only keeps a hostile table from making this quadratic.
  for (int steps = 0; next != addresses_.begin() && steps < 256; ++steps) {
    --next;
    Elf64_Sym symbol = symbol_at(next->entry);
    if (value - symbol.st_value < symbol.st_size) return to_symbol(symbol);
    bool reaches = symbol.st_shndx < section_ends_.size() && value < section_ends_[symbol.st_shndx];
    if (symbol.st_size == 0 && next->value == nearest && reaches && !sizeless) sizeless = to_symbol(symbol);
    if (next->max_end <= value && next->value != nearest) break;
  }
  return sizeless;
}

ElfSymbols::ElfSymbols(std::shared_ptr<const void> image, std::unique_ptr<SymbolTable> full,
                       std::unique_ptr<SymbolTable> dynamic)
    : image_(std::move(image)), full_(std::move(full)), dynamic_(std::move(dynamic)) {}

std::optional<Symbol> ElfSymbols::find(std::string_view name) const {
  for (const auto* table : {full_.get(), dynamic_.get()})
    if (table)
      if (auto symbol = table->find(name)) return symbol;
  return std::nullopt;
}

void ElfSymbols::for_each_with_prefix(std::string_view prefix, const std::function<void(const Symbol&)>& visit) const {
  // .dynsym is a subset of .symtab where both exist.
  const SymbolTable* table = full_ ? full_.get() : dynamic_.get();
  if (table) table->for_each_with_prefix(prefix, visit);
}

std::optional<Symbol> ElfSymbols::covering(uint64_t value) const {
  const SymbolTable* table = full_ ? full_.get() : dynamic_.get();
  return table ? table->covering(value) : std::nullopt;
}

}  // namespace inquest::elf
