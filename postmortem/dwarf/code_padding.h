// What compilers and linkers put between functions to align the next one: instructions that do nothing, or int3.
#pragma once

#include "postmortem/elf/byte_view.h"

namespace inquest::dwarf {

/// Whether `code` is nothing but whole such instructions: nop, int3, and nops of several bytes (Intel SDM volume 2,
/// NOP, table 4-12) with the prefixes 66 and 2e that assemblers lengthen them by. False for no bytes at all.
bool is_padding(elf::Bytes code);

}  // namespace inquest::dwarf
