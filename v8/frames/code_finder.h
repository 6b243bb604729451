// What code a pc belongs to: a builtin of V8 (wherever the builtins were mapped), or a Code object of code space.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "postmortem/model/frame.h"
#include "v8/heap/heap.h"
#include "v8/objects/object_reader.h"

namespace inquest::v8 {

/// A compiled function in code space.
struct CompiledCode {
  uint64_t start = 0, end = 0;  ///< of the instructions
  uint64_t code = 0;            ///< tagged Code object
};

class CodeFinder {
 public:
  CodeFinder(const Heap& heap, MapCache& maps, const ObjectReader& objects)
      : heap_(heap), maps_(maps), objects_(objects) {
    find_nameless_builtins();
  }

  /// The builtin that a frame stands in, without its prefix Builtins_; "" when it stands in none.
  std::string builtin_of(const Frame& frame) const;
  /// Whether the pc lies among builtins that have no names, because the binary was stripped of its symbol table.
  bool in_nameless_builtins(Address pc) const;
  /// Whether the pc lies on a page of code space.
  bool on_code_page(Address pc) const { return code_page(pc) != nullptr; }
  std::optional<CompiledCode> compiled_at(Address pc) const;

 private:
  struct Place {
    std::string_view name;  ///< of a builtin
    uint64_t offset = 0;
  };
  std::optional<Place> builtin_at(Address pc) const;
  void find_nameless_builtins();
  const Page* code_page(Address pc) const;
  const std::vector<CompiledCode>& code_on(const Page& page) const;
  CompiledCode compiled_code(uint64_t address, const MapInfo& map, uint64_t size) const;
  std::optional<CompiledCode> header_before(const Page& page, Address pc) const;

  const Heap& heap_;
  MapCache& maps_;
  const ObjectReader& objects_;
  /// Where the embedded builtins lie in the binary, by link-time address; empty when their names say it.
  uint64_t builtins_start_ = 0, builtins_end_ = 0;
  mutable std::map<uint64_t, std::vector<CompiledCode>> code_of_pages_;
};

}  // namespace inquest::v8
