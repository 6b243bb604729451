// The roots table of an isolate: the well-known objects, each under its own name.
//
// V8 compiles the names of all roots into RootsTable::root_names_ (src/roots/roots.cc), in table order. Where the
// table lies in the isolate differs with every version; it is found by trying every position in front of the Heap and
// counting how many of the roots named *_map are maps. That leaves one position, in every version tried.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "postmortem/model/target.h"
#include "v8/heap/page_table.h"
#include "v8/layout/layout.h"

namespace inquest::v8 {

/// Names of all roots in table order.
class RootNames {
 public:
  /// From the symbol, or (stripped binaries) by looking for an array of pointers to the known names.
  static RootNames load(const Target& target, const Module& module);

  size_t size() const { return names_.size(); }
  const std::vector<std::string>& names() const { return names_; }
  std::optional<size_t> index_of(std::string_view name) const;
  /// "symbol", "data search", or empty.
  const std::string& source() const { return source_; }

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string, size_t> indexes_;
  std::string source_;
};

struct Roots {
  Address table;
  std::vector<uint64_t> values;  ///< tagged words, in the order of RootNames
  size_t maps_expected = 0;
  size_t maps_found = 0;
};

/// Nothing when no position fits.
std::optional<Roots> find_roots(const Target& target, const PageTable& pages, const Layout& layout,
                                const RootNames& names, uint16_t map_type, Address heap);

/// MAP_TYPE, when the binary does not say: the type of a map that is its own map.
std::optional<uint16_t> guess_map_type(const PageTable& pages, const Layout& layout);

}  // namespace inquest::v8
