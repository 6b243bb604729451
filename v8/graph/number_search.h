// Where a number is stored: as a Smi, as an object, or as a bare double.
#pragma once

#include <cstdint>
#include <vector>

#include "v8/heap/heap.h"
#include "v8/reachability.h"

namespace inquest::v8 {

struct NumberPlace {
  uint64_t object = 0;  ///< tagged; it holds the number
  uint64_t offset = 0;  ///< at this offset; 0: the object is a heap number or BigInt of this value
  auto operator<=>(const NumberPlace&) const = default;
};

struct NumberPlaces {
  std::vector<NumberPlace> places;  ///< by object
  uint64_t more = 0;                ///< left out: there are millions of them
};

/// BigInts of this value are found too; elements of typed arrays are not. Words of objects that may hold values of
/// JavaScript and hold this one. Some are counters or lengths: what the word is called tells. NaN is any NaN.
NumberPlaces find_number(const Heap& heap, double number, Reachability which);

}  // namespace inquest::v8
