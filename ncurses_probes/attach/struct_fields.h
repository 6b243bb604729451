// Members of structures that arguments point to, by name: "termp->type.term_names". Where they lie is what the debug
// information of the traced file says, so it is right for the build that runs.
#pragma once

#include <cstdint>
#include <vector>

#include "ncurses_probes/spec/probe_spec.h"
#include "postmortem/dwarf/unit.h"
#include "postmortem/model/result.h"

namespace inquest::probes {

/// What a comparison needs: the pointers to follow and what is at the end.
struct FieldPlace {
  std::vector<int32_t> offsets;  ///< of each load, from the pointer before it
  ParameterType type;
  int32_t add = 0;  ///< of text that is part of a structure: from the last pointer to its beginning
};

/// A comparison wants a number or a pointer; what is recorded may be text, and lie further away.
enum class FieldUse : uint8_t { kCompare, kRecord };

/// `comparison.fields` of the parameter that it is about, in `function` (DW_TAG_subprogram). The error names the first
/// step that is not possible.
Result<FieldPlace> find_field(const dwarf::Die& function, const Comparison& comparison, FieldUse use);

}  // namespace inquest::probes
