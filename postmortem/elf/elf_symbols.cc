#include "postmortem/elf/elf_symbols.h"

#include <algorithm>
#include <bit>
#include <system_error>
#include <thread>

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

// Folded 64x64 multiplication, 16 bytes at a time, as in wyhash: with 19 MB of names the hash is what building costs.
uint32_t hash_name(std::string_view name) {
  auto mix = [](uint64_t a, uint64_t b) {
    auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  };
  auto word = [](const char* at) {
    uint64_t value;
    std::memcpy(&value, at, 8);
    return value;
  };
  constexpr uint64_t kA = 0xa0761d6478bd642fu, kB = 0xe7037ed1a0b428dbu;
  uint64_t hash = name.size() * kA;
  const char* at = name.data();
  size_t left = name.size();
  for (; left >= 16; at += 16, left -= 16) hash = mix(word(at) ^ kA, word(at + 8) ^ hash ^ kB);
  uint64_t tail[2] = {0, 0};
  if (left > 0) std::memcpy(tail, at, left);
  hash = mix(tail[0] ^ kA, tail[1] ^ hash ^ kB);
  return static_cast<uint32_t>(hash ^ hash >> 32);
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

void SymbolTable::hash_names(uint32_t begin, uint32_t end) const {
  for (uint32_t i = begin; i < end; ++i) {
    Elf64_Sym symbol = symbol_at(i);
    if (is_defined(symbol)) links_[i].hash = hash_name(name_at(symbol.st_name));
  }
}

// Chains instead of open addressing: an insertion compares no names, however many symbols share one. Reading the names
// takes nearly all the time, so that part is shared out.
void SymbolTable::build_names() const {
  buckets_.resize(std::bit_ceil(uint64_t{count_} + 1));
  links_.resize(count_);
  constexpr uint32_t kWorthThread = 16384;
  uint32_t parts = std::clamp(std::min(count_ / kWorthThread, std::thread::hardware_concurrency()), 1u, 4u);
  uint32_t step = count_ / parts + 1;
  std::vector<std::thread> helpers;
  for (uint32_t part = 1; part < parts; ++part) {
    auto work = [=, this] { hash_names(part * step, std::min(count_, (part + 1) * step)); };
    try {
      helpers.emplace_back(work);
    } catch (const std::system_error&) {  // no more threads to be had
      work();
    }
  }
  hash_names(1, std::min(count_, step));
  for (std::thread& helper : helpers) helper.join();
  uint32_t mask = static_cast<uint32_t>(buckets_.size() - 1);
  for (uint32_t i = 1; i < count_; ++i) {
    if (!is_defined(symbol_at(i))) continue;
    uint32_t& bucket = buckets_[links_[i].hash & mask];
    links_[i].next = bucket;
    bucket = i;
  }
}

std::optional<Symbol> SymbolTable::find(std::string_view name) const {
  std::call_once(names_once_, [this] { build_names(); });
  uint32_t hash = hash_name(name);
  std::optional<Elf64_Sym> best;
  for (uint32_t i = buckets_[hash & (buckets_.size() - 1)]; i != 0; i = links_[i].next) {
    if (links_[i].hash != hash) continue;
    Elf64_Sym symbol = symbol_at(i);
    // Chains run from the last entry to the first, so that of equals the first in the table wins.
    if (best && binding_rank(symbol) < binding_rank(*best)) continue;
    if (name_at(symbol.st_name) == name) best = symbol;
  }
  if (!best) return std::nullopt;
  return to_symbol(*best);
}

void SymbolTable::for_each_with_prefix(std::string_view prefix, const std::function<void(const Symbol&)>& visit) const {
  for (uint32_t i = 1; i < count_; ++i) {
    Elf64_Sym symbol = symbol_at(i);
    if (!is_defined(symbol)) continue;
    Bytes name = slice(strings_, symbol.st_name, prefix.size());
    if (name.size() == prefix.size() && std::equal(name.begin(), name.end(), std::as_bytes(std::span(prefix)).begin()))
      visit(to_symbol(symbol));
  }
}

bool SymbolTable::has_address(const Elf64_Sym& symbol) {
  return is_defined(symbol) && ELF64_ST_TYPE(symbol.st_info) != STT_TLS && symbol.st_shndx != SHN_ABS;
}

// Of two symbols at one address the better name: sized before sizeless, functions before data, global before weak
// before local, the smaller of nested ones; then by name, to be deterministic.
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
  size_t placed = 0;
  for (uint32_t i = 1; i < count_; ++i) placed += has_address(symbol_at(i)) ? 1 : 0;
  by_address_.reserve(placed);
  for (uint32_t i = 1; i < count_; ++i) {
    if (has_address(symbol_at(i))) by_address_.push_back({i, kNone});
  }
  // The best of those at one address comes last.
  std::sort(by_address_.begin(), by_address_.end(), [this](const AddressEntry& a, const AddressEntry& b) {
    uint64_t x = symbol_at(a.entry).st_value, y = symbol_at(b.entry).st_value;
    return x != y ? x < y : a.entry != b.entry && better_at_address(b.entry, a.entry);
  });
  auto reaches = [this](uint32_t position, uint64_t value) {
    Elf64_Sym symbol = symbol_at(by_address_[position].entry);
    return value - symbol.st_value < symbol.st_size;
  };
  for (uint32_t i = 1; i < by_address_.size(); ++i) {
    uint64_t value = symbol_at(by_address_[i].entry).st_value;
    uint32_t around = i - 1;
    while (around != kNone && !reaches(around, value)) around = by_address_[around].around;
    by_address_[i].around = around;
  }
}

// What the index would answer, by looking at every symbol: the covering one that starts last, else a sizeless one at
// the nearest address below.
std::optional<Symbol> SymbolTable::search_covering(uint64_t value) const {
  uint32_t best = 0, sizeless = 0;
  uint64_t best_start = 0, nearest = 0;
  for (uint32_t i = 1; i < count_; ++i) {
    Elf64_Sym symbol = symbol_at(i);
    if (symbol.st_value > value || !has_address(symbol)) continue;
    if (symbol.st_value > nearest) {
      nearest = symbol.st_value;
      sizeless = 0;
    }
    if (symbol.st_size == 0) {
      bool reaches = symbol.st_shndx < section_ends_.size() && value < section_ends_[symbol.st_shndx];
      bool better = sizeless == 0 || better_at_address(i, sizeless);
      if (symbol.st_value == nearest && reaches && better) sizeless = i;
    } else if (value - symbol.st_value < symbol.st_size) {
      bool better = best == 0 || symbol.st_value > best_start;
      if (better || (symbol.st_value == best_start && better_at_address(i, best))) {
        best = i;
        best_start = symbol.st_value;
      }
    }
  }
  uint32_t found = best != 0 ? best : sizeless;
  return found != 0 ? std::optional(to_symbol(symbol_at(found))) : std::nullopt;
}

std::optional<Symbol> SymbolTable::covering(uint64_t value) const {
  // The index takes 8 bytes for each of a hundred thousand symbols, and some 10 ms: not worth it for a few questions.
  constexpr uint32_t kSearches = 16;
  if (searches_.load(std::memory_order_relaxed) < kSearches) {
    searches_.fetch_add(1, std::memory_order_relaxed);
    return search_covering(value);
  }
  std::call_once(addresses_once_, [this] { build_addresses(); });
  auto next =
      std::upper_bound(by_address_.begin(), by_address_.end(), value,
                       [this](uint64_t v, const AddressEntry& entry) { return v < symbol_at(entry.entry).st_value; });
  if (next == by_address_.begin()) return std::nullopt;
  uint32_t nearest = static_cast<uint32_t>(next - by_address_.begin()) - 1;
  // Symbols that hold `value` hold the nearest start below it too.
  for (uint32_t i = nearest; i != kNone; i = by_address_[i].around) {
    Elf64_Sym symbol = symbol_at(by_address_[i].entry);
    if (value - symbol.st_value < symbol.st_size) return to_symbol(symbol);
  }
  // A sizeless symbol reaches to the next symbol, so only one at the nearest address below may answer.
  uint64_t start = symbol_at(by_address_[nearest].entry).st_value;
  for (uint32_t i = nearest;; --i) {
    Elf64_Sym symbol = symbol_at(by_address_[i].entry);
    if (symbol.st_value != start) break;
    bool reaches = symbol.st_shndx < section_ends_.size() && value < section_ends_[symbol.st_shndx];
    if (symbol.st_size == 0 && reaches) return to_symbol(symbol);
    if (i == 0) break;
  }
  return std::nullopt;
}

ElfSymbols::ElfSymbols(std::shared_ptr<const void> owner, std::unique_ptr<SymbolTable> full,
                       std::unique_ptr<SymbolTable> dynamic)
    : owner_(std::move(owner)), full_(std::move(full)), dynamic_(std::move(dynamic)) {}

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
