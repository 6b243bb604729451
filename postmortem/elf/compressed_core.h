// Compressed cores, unpacked once into a cache folder: $XDG_CACHE_HOME/inquest/cores, or ~/.cache/inquest/cores.
//
// A core is unpacked under a temporary name and renamed when it is whole, so another inquest never sees half of one.
// Zero blocks are left as holes, as the kernel does. The name depends on path, size and time of the compressed file.
// Unpacked cores not used for two weeks are removed when the next one is unpacked.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "postmortem/elf/decompress.h"
#include "postmortem/elf/mapped_file.h"
#include "postmortem/model/result.h"

namespace inquest::elf {

struct UnpackedCore {
  std::string path;
  bool temporary =
      false;         ///< of a damaged stream: to be removed once it is open, so that a repaired one is unpacked anew
  std::string note;  ///< what is wrong with it, a whole sentence; empty when it is whole
};

/// `progress` is told bytes of the compressed file done and in all; may be empty.
Result<UnpackedCore> unpack_core(const MappedFile& packed, Compression kind,
                                 const std::function<void(uint64_t, uint64_t)>& progress);

}  // namespace inquest::elf
