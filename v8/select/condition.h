// Conditions on objects: the small language of `v8 findjsinstances --where`.
//
//   state == "pending" && retries > 3        members by name, compared with literals or with other members
//   user.tags[2] =~ /^x/i                    regular expressions
//   "zip" in user.address && !flag           whether there is such a member; truth as in JavaScript
//
// Values of different kinds are never equal and never ordered; numbers and BigInts are one kind. A member that is not
// there is undefined.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "postmortem/model/result.h"
#include "v8/select/big_number.h"
#include "v8/select/regex.h"

namespace inquest::v8 {

/// Names of members, each of what the one before leads to; digits are indexes too. Empty: the object itself.
using MemberPath = std::vector<std::string>;

struct Undefined {};
struct Null {};
/// Text is UTF-8. Integers that no double holds exactly are a BigNumber.
using Literal = std::variant<Undefined, Null, bool, double, std::string, BigNumber>;

struct Condition {
  enum class Kind : uint8_t { kAnd, kOr, kNot, kCompare, kMatches, kExists, kTruth };
  enum class Order : uint8_t { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual };
  using Operand = std::variant<MemberPath, Literal>;

  Kind kind = Kind::kTruth;
  std::vector<Condition> parts = {};  ///< of kAnd and kOr two or more, of kNot one
  Order order = Order::kEqual;        ///< of kCompare
  Operand left = {};                  ///< of all others; of kExists and kMatches a path
  Operand right = {};                 ///< of kCompare
  std::optional<Regex> pattern = {};
};

/// A mistake is a usage error that tells the column, from 1.
Result<Condition> parse_condition(std::string_view text);

/// The same syntax for members alone: "a.b[3].c", "this" for the object itself.
Result<MemberPath> parse_path(std::string_view text);

}  // namespace inquest::v8
