// EXPR, as every command that takes an address understands it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "postmortem/model/result.h"
#include "v8/runtime.h"

namespace inquest::commands {

struct Expression {
  uint64_t value = 0;
  std::string note = {};  ///< how it was understood, where that may surprise; for the user
};

/// An address as commands print it, tagged or not: hexadecimal with 0x or, as in `v8 findjsobjects -d`, without;
/// decimal too. `exists` says whether something is at a value: digits that make sense as hexadecimal alone are taken
/// so, with a note. "+ 24" and "- 0x10" may follow. Anything else is a usage error.
Result<Expression> parse_expression(std::string_view text, const std::function<bool(uint64_t)>& exists);

/// Whether `word` points to an object of V8's heap, tagged or not.
bool is_object(v8::Runtime& runtime, uint64_t word);

}  // namespace inquest::commands
