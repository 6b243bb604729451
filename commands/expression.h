// EXPR, as every command that takes a value or an address understands it (docs/expressions.md).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "commands/printed_values.h"
#include "commands/report.h"
#include "postmortem/model/result.h"
#include "v8/runtime.h"

namespace inquest::commands {

class Session;

struct Expression {
  uint64_t value = 0;
  std::string note = {};  ///< how it was understood, where that may surprise; for the user
};

/// Whether something is at a value: digits that make sense as hexadecimal alone are taken so, with a note.
using Exists = std::function<bool(uint64_t)>;

/// An address as commands print it, tagged or not: hexadecimal with 0x or, as in `v8 findjsobjects -d`, without;
/// decimal too; or $N, $ for the last, of `printed`. "+ 24" and "- 0x10" may follow. Anything else is a usage error.
Result<Expression> parse_expression(std::string_view text, const Exists& exists,
                                    const PrintedValues* printed = nullptr);

/// The same with the values this session has printed; what that does not take is evaluated by the debugger, where one
/// is there. A usage error of one line otherwise.
Result<Expression> evaluate(const Session& session, std::string_view text, const Exists& exists);

/// Whether `word` points to an object of V8's heap, tagged or not.
bool is_object(v8::Runtime& runtime, uint64_t word);

/// The paragraph about EXPR for the description of a command that calls it `name`.
std::string expression_help(std::string_view name);

/// Gives the values that a command has just printed their numbers, and says so where further commands can follow. JSON
/// is not numbered: programs that read it have the addresses.
class ValueNumbers {
 public:
  ValueNumbers(Session& session, bool json);

  /// Words that are no objects are passed over.
  void add(uint64_t word);
  void tell(Report& report) const;

 private:
  Session& session_;
  bool json_;
  uint64_t before_;
};

}  // namespace inquest::commands
