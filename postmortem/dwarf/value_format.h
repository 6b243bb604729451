// Values as gdb shows the arguments of frames ("print frame-arguments scalars"): numbers, characters, enumerators,
// pointers with the string or symbol they lead to; structs, unions, arrays and references to such as "...".
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "postmortem/dwarf/location_expression.h"
#include "postmortem/dwarf/types.h"
#include "postmortem/model/memory_reader.h"

namespace inquest::dwarf {

struct FormatContext {
  Types& types;
  const MemoryReader& memory;
  /// "<name+8>" for a run-time address that a symbol covers; empty elsewhere.
  const std::function<std::string(uint64_t)>& symbol;
};

/// Whether gdb shows "..." for this type.
bool is_summarised(Types& types, const TypeInfo& type);
/// `bytes` has the size of the type.
std::string format_value(const FormatContext& context, const TypeInfo& type, std::span<const std::byte> bytes);
std::string format_missing(const Missing& missing);

}  // namespace inquest::dwarf
