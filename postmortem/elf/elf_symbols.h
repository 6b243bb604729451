// The symbol tables of an ELF image as a SymbolSource.
//
// Node's .symtab has 80,000 to 170,000 entries with 5-19 MB of names, so nothing is copied: the index by name is a hash
// table of entry numbers built in one pass over the table, the index by address a sorted array; each is built on first
// use. A damaged table gives fewer symbols, never a wrong read.
#pragma once

#include <elf.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "postmortem/elf/byte_view.h"
#include "postmortem/model/symbol.h"

namespace inquest::elf {

/// One SHT_SYMTAB or SHT_DYNSYM section with its strings. Thread-safe.
class SymbolTable {
 public:
  /// `section_ends[i]` is the link-time end of section i: a sizeless symbol reaches no further.
  SymbolTable(Bytes entries, Bytes strings, std::vector<uint64_t> section_ends);

  bool empty() const { return count_ == 0; }
  /// The defined symbol of this name; where there are several a global one wins over a weak over a local one.
  std::optional<Symbol> find(std::string_view name) const;
  void for_each_with_prefix(std::string_view prefix, const std::function<void(const Symbol&)>& visit) const;
  std::optional<Symbol> covering(uint64_t value) const;

 private:
  struct NameLink {
    uint32_t hash = 0;
    uint32_t next = 0;  ///< entry number; 0, the reserved first symbol, ends a chain
  };
  static constexpr uint32_t kNone = UINT32_MAX;
  struct AddressEntry {
    uint32_t entry;   ///< entry number
    uint32_t around;  ///< position of the nearest symbol before it that reaches over its start, or kNone
  };

  Elf64_Sym symbol_at(uint32_t entry) const;
  std::string_view name_at(uint32_t offset) const;
  Symbol to_symbol(const Elf64_Sym& raw) const;
  void hash_names(uint32_t begin, uint32_t end) const;
  void build_names() const;
  void build_addresses() const;
  static bool has_address(const Elf64_Sym& symbol);
  bool better_at_address(uint32_t a, uint32_t b) const;
  std::optional<Symbol> search_covering(uint64_t value) const;

  const std::byte* entries_;
  Bytes strings_;
  std::vector<uint64_t> section_ends_;
  uint32_t count_ = 0;
  mutable std::atomic<uint32_t> searches_{0};  ///< answered without the index
  mutable std::once_flag names_once_, addresses_once_;
  mutable std::vector<uint32_t> buckets_;         ///< first entry of each chain
  mutable std::vector<NameLink> links_;           ///< by entry number
  mutable std::vector<AddressEntry> by_address_;  ///< sorted by st_value
};

/// .symtab first, .dynsym where the other has no answer.
class ElfSymbols : public SymbolSource {
 public:
  /// `owner` keeps the bytes of both tables alive.
  ElfSymbols(std::shared_ptr<const void> owner, std::unique_ptr<SymbolTable> full,
             std::unique_ptr<SymbolTable> dynamic);

  std::optional<Symbol> find(std::string_view name) const override;
  void for_each_with_prefix(std::string_view prefix, const std::function<void(const Symbol&)>& visit) const override;
  std::optional<Symbol> covering(uint64_t value) const override;

 private:
  std::shared_ptr<const void> owner_;
  std::unique_ptr<SymbolTable> full_, dynamic_;  ///< each may be null
};

}  // namespace inquest::elf
