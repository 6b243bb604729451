// Symbols of a module and look-ups in them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "postmortem/model/address.h"

namespace inquest {

struct Symbol {
  std::string_view name;  ///< mangled, as in the symbol table; lives as long as its source
  uint64_t value = 0;     ///< st_value as linked (not relocated); for TLS symbols the offset in the TLS block
  uint64_t size = 0;      ///< st_size, 0 when the table does not say
  bool is_function = false;
  bool is_tls = false;
};

/// The symbol table of one module. Names are looked up in .symtab and, where that is absent, .dynsym.
class SymbolSource {
 public:
  virtual ~SymbolSource() = default;
  virtual std::optional<Symbol> find(std::string_view name) const = 0;
  /// Calls `visit` for each symbol whose name begins with `prefix`; the order is not defined.
  virtual void for_each_with_prefix(std::string_view prefix, const std::function<void(const Symbol&)>& visit) const = 0;
  /// The function or object symbol that covers the link-time address `value` (nearest one below for sizeless symbols).
  virtual std::optional<Symbol> covering(uint64_t value) const = 0;
};

}  // namespace inquest
