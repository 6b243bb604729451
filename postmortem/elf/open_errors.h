// Why a file cannot be used as a core, in one line that says what to try.
#pragma once

#include <string>

#include "postmortem/elf/elf_headers.h"
#include "postmortem/model/result.h"

namespace inquest::elf {

/// For an errno of MappedFile::open.
Error open_error(const std::string& path, int failure);

/// The headers of a core, or why `bytes` are no core of an x86-64 process.
Result<ElfHeaders> parse_core_headers(Bytes bytes, const std::string& path);

}  // namespace inquest::elf
