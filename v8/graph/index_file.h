// The index of one core between sessions: where objects start, which are live, who refers to whom, and the roots.
//
// A file in $XDG_CACHE_HOME/inquest/index (or ~/.cache/inquest/index), named by what the core is: its size and time,
// the process and its registers, the builds of its modules, the headers of all heap pages and the first words of each.
// The header repeats that identity and has checksums of itself and of every section, so that a file of another core, of
// another inquest, cut short or damaged is told from a good one, and built anew. Sections lie at multiples of a page
// and are mapped, not read: a search touches little of them. Numbers are in the byte order of the machine.
//
// Files that were not used for two weeks are removed when another one is written.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "postmortem/model/result.h"
#include "v8/heap/heap.h"

namespace inquest::v8 {

/// What is kept. On loading, the spans point into the mapped file, which `owner` keeps.
struct IndexContents {
  std::span<uint64_t> bits;         ///< ObjectIndex: starts and marks of all pages
  std::span<const uint32_t> first;  ///< ReferenceGraph
  std::span<const uint32_t> edges;
  std::span<const uint64_t> roots;   ///< addresses
  std::span<const uint64_t> totals;  ///< HeapTotals::numbers
  std::shared_ptr<const void> owner;
};

class IndexFile {
 public:
  /// The file for this heap; nothing when the target is no core file.
  static std::optional<IndexFile> of(const Heap& heap);

  const std::string& path() const { return path_; }

  /// Nothing when there is none; an error says why one that is there cannot be used.
  Result<std::optional<IndexContents>> load() const;
  /// Nothing when it was written; an error says why not.
  std::optional<Error> save(const IndexContents& contents) const;

 private:
  IndexFile(std::string path, uint64_t identity) : path_(std::move(path)), identity_(identity) {}

  std::string path_;  ///< empty when there is no folder for it
  uint64_t identity_;
};

/// A fast checksum that finds damage, not malice: four lanes of multiplications over 8-byte words.
uint64_t checksum(std::span<const std::byte> bytes);

}  // namespace inquest::v8
