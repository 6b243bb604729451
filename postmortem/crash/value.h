// Where a value came from, as a tree: a register was loaded from a field of an object that a global points to.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/model/address.h"

namespace inquest::crash {

struct Value {
  enum class Kind : uint8_t {
    kUnknown,      ///< `name` may say why
    kConstant,     ///< `bits`, set by `instruction`
    kGlobal,       ///< loaded from a variable at `location`; `name` is empty when no symbol covers it
    kThreadLocal,  ///< loaded from a thread-local variable
    kAddress,      ///< the address of `name`
    kField,        ///< loaded from `offset` bytes behind parts[0]
    kElement,      ///< the same with an index that is computed
    kArgument,     ///< number `argument` of `name`; parts[0], if any, is what the caller passed
    kResult,       ///< what a call of `name` returned
    kLocal,        ///< loaded from the frame's own memory, which nothing seen here wrote
    kSum,          ///< parts[0] plus `offset`, plus parts[1] where there is one
    kComputed,     ///< by `instruction`; parts are what went in
    kEither,       ///< one of parts, depending on the path taken
    kAgain,        ///< what the instruction at `at` made in an earlier round of a loop; parts[0], if any: at first
  };
  Kind kind = Kind::kUnknown;
  bool sure = true;
  bool changed = false;          ///< the memory it was loaded from holds something else by now
  std::optional<uint64_t> bits;  ///< the value itself
  std::optional<Address> location;
  std::string name;
  std::string module;     ///< base name of the file that `name` belongs to; empty for the main program
  std::string parameter;  ///< of kArgument: its name in the source
  std::string passed_by;  ///< of kArgument: "main (t.c:12)"
  int64_t offset = 0;
  int argument = 0;  ///< 1-based
  Address at;        ///< the instruction that set it
  std::string instruction;
  std::vector<std::shared_ptr<const Value>> parts;
};
using ValuePtr = std::shared_ptr<const Value>;

/// A noun phrase: "the global cur_term in libtinfo.so.6", "the field at offset 8 of what argument 1 of f points to".
std::string phrase(const Value& value);
/// A predicate: "was loaded from the global head", "is argument 1 of f", "was set to 0".
std::string predicate(const Value& value);
/// "16", "0x12340": small numbers decimal, signs kept.
std::string number(int64_t value);

}  // namespace inquest::crash
