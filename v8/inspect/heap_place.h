// What of V8's heap lies at an address: page, space, object. One page is walked, no more.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "postmortem/model/address.h"

namespace inquest::v8 {

class Heap;

struct HeapPlace {
  enum class Kind : uint8_t {
    kObject,      ///< inside of `object`
    kFreeSpace,   ///< free space or a filler between objects
    kPageHeader,  ///< before the first object, or behind the last
    kUnused,      ///< an allocation area into which nothing has been written yet
    kLeftover,    ///< a page of new space that holds nothing any more; the object that was there has moved or is dead
    kNotParsed,   ///< bytes that could not be read as an object
  };
  Kind kind = Kind::kNotParsed;
  std::string space;  ///< V8's name: "old_space"
  Address page;
  uint64_t page_size = 0;           ///< bytes
  std::optional<uint32_t> isolate;  ///< nothing: the read-only heap that isolates share
  Address object;                   ///< tagged; of kObject, kFreeSpace and, where one was found, kLeftover
  uint64_t size = 0;                ///< of the object, bytes
  uint64_t offset = 0;              ///< of the address from the start of the object, or of the page when there is none
  std::string field;         ///< what the object keeps there: "map", "elements", the name of a property; or empty
  std::optional<bool> live;  ///< nothing: it has not been found out
};

/// "object", "free-space", ...: stable words for JSON.
std::string_view to_string(HeapPlace::Kind kind);

/// `address` may be tagged (strong or weak): a pointer to an object is that object with offset 0. Nothing when no page
/// of the heap holds it. `marked`: whether the pages tell which objects are live.
std::optional<HeapPlace> locate_in_heap(const Heap& heap, Address address, bool marked);

}  // namespace inquest::v8
