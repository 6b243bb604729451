// What the user asks to be traced, as text:
//
//   libtinfo.so.6:set_curterm(termp) if termp == 0 { args, stack }
//   ./server:handle_*                       every function whose name matches
//   ./server:ns::Session::close             C++ functions by the name that `bt` shows, every overload
//   ./server:main+0x1f    ./server:0x1234   an instruction
//   libc.so.6:malloc(size_t size) if size > 1000000000 || size == 0
//   libc.so.6:write(int fd, char *text) if fd == 2 && text[0] != 0 { args }
//   libz.so.1:inflate%return if ret < 0     when it returns
//   libstdc++.so.6:libstdcxx:throw          a static probe (USDT) by provider and name; both may hold * and ?
//   ./server:handle(s) if s->next->kind == 5    members, as debug information tells them
//   signal    signal:SEGV,ABRT              a signal that kills, also one that a handler takes when it is named
//
// In parentheses stand names for the arguments, with C types where their width, sign or text matters; arg0 to arg5 are
// always known. A predicate compares arguments, or 8 bytes that they point to (`*p`, `p[16]`: at byte 16 from p), with
// constants; && binds closer than ||. Braces say what a hit records; without them it is `args, stack`. Members and what
// pointers lead to can be named there, or behind the names of the arguments:
//
//   libtinfo.so.6:set_curterm(termp) { args, termp->type.term_names }
//   ./server:handle(s, s->peer->name, s->fd)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/model/result.h"

namespace inquest::probes {

/// What is known about an argument beside its register.
struct ParameterType {
  enum class Kind : uint8_t { kUnknown, kSigned, kUnsigned, kPointer, kText, kBool, kCharacter, kFloat };
  Kind kind = Kind::kUnknown;
  uint8_t size = 8;  ///< bytes: 1, 2, 4 or 8
  std::string text;  ///< "const char *"; empty: unknown
};

struct Parameter {
  std::string name;
  ParameterType type;
  uint8_t place = 0;  ///< 0 to 5: rdi, rsi, rdx, rcx, r8, r9
};

/// A member of a structure: "->type" or ".term_names".
struct FieldStep {
  bool through_pointer = false;
  std::string name;
};

/// `argument OPERATION value`, see inquest_term in bpf/record.h.
struct Comparison {
  enum class Operation : uint8_t { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kBits };
  size_t argument = 0;            ///< 0 to 5, kReturned
  std::string name;               ///< of the argument; with `argument` kByName that is all that is known
  std::vector<int32_t> offsets;   ///< of each pointer followed
  std::vector<FieldStep> fields;  ///< by name; `offsets` are found with the help of debug information
  ParameterType field_type;       ///< of the last of them
  Operation operation = Operation::kEqual;
  uint64_t value = 0;
  bool begins_group = false;  ///< behind ||
};

/// A value that an argument leads to, recorded at each hit.
struct Capture {
  std::string text;  ///< "termp->type.term_names"
  Comparison place;  ///< argument, offsets, fields and field_type alone
  int32_t add = 0;   ///< to the last pointer: text that is part of a structure
};

struct ProbeSpec {
  enum class Kind : uint8_t { kFunction, kAddress, kLine, kStatic, kSignal };
  static constexpr size_t kReturned = 6;
  static constexpr size_t kByName = 7;     ///< a parameter that only debug information can tell
  static constexpr size_t kRegisters = 6;  ///< arguments that come in registers

  std::string text;   ///< all of it
  std::string label;  ///< "libtinfo.so.6:set_curterm", for events
  Kind kind = Kind::kFunction;
  std::string file;      ///< path, or name to be searched
  std::string function;  ///< may hold * and ?
  uint64_t offset = 0;   ///< from the start of the function
  uint64_t address = 0;  ///< of kAddress: as linked
  std::string source;    ///< of kLine; of kStatic the provider
  uint32_t line = 0;
  std::vector<int> signals;  ///< of kSignal; empty: those that kill
  bool is_return = false;
  bool is_optional = false;  ///< of a ready-made set: left out where it cannot be set
  std::vector<Parameter> parameters;
  std::vector<Comparison> predicate;
  std::vector<Capture> captures;
  bool wants_arguments = true;
  bool wants_stack = true;

  bool is_glob() const { return function.find_first_of("*?") != std::string::npos; }
};

/// Mistakes are usage errors that name the place.
Result<ProbeSpec> parse_probe(const std::string& text);

/// Takes the parameters that debug information tells, and finds those that the predicate names among them. The error
/// says which are missing.
std::optional<Error> complete(ProbeSpec& spec, std::vector<Parameter> parameters);

/// "size_t", "const char *", "struct tty *": what the ABI needs to know. Nothing for types that are not passed in an
/// integer register (double).
std::optional<ParameterType> parse_type(const std::string& text);

/// The argument as `bt` would print it: 0x0, -1, 'a', true. `text`: what it points to, where that was read.
std::string format_argument(const ParameterType& type, uint64_t bits, const std::optional<std::string>& text);

/// Shell pattern with * and ? only.
bool matches(const std::string& pattern, const std::string& name);

}  // namespace inquest::probes
