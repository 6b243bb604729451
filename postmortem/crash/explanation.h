// Why a process died, as far as its registers, code and memory tell.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/code/instruction.h"
#include "postmortem/model/frame.h"
#include "postmortem/model/target.h"

namespace inquest::crash {

using code::Access;
using code::Instruction;
using code::Operand;

/// siginfo_t, of the core's note or of a signal frame on the stack.
struct SignalFacts {
  int number = 0;
  int code = 0;
  std::optional<Address> address;      ///< si_addr
  std::optional<uint32_t> sender_pid;  ///< for signals sent by kill, raise and the like
  std::optional<uint32_t> sender_uid;
  bool has_code = false;  ///< false: only the number is known
};

struct CodeLine {
  Address address;
  std::string text;
  bool current = false;
};

/// One step of a value's way, the last station first.
struct OriginStep {
  Address at;            ///< the instruction that made it; null when there is none
  std::string function;  ///< "list_remove (list.c:20)"
  std::string instruction;
  std::string text;  ///< "was loaded from the global head"
  std::optional<uint64_t> value;
};

struct ThrownException {
  std::string type;  ///< demangled
  std::string what;
  bool has_what = false;
  Address object;
};

/// A variable that a bad value was loaded from.
struct GlobalVariable {
  Address location;    ///< of the word that was loaded
  std::string name;    ///< "cur_term", "table+16"; empty where no symbol covers it
  std::string module;  ///< base name of its file; empty for the main program
  std::optional<uint64_t> value;
};

struct Explanation {
  SignalFacts signal;
  std::string signal_name;
  std::string code_words;  ///< "address not mapped"
  std::string cause;       ///< the whole story in one line
  std::string detail;      ///< where the bad value came from, or who is to blame
  std::string repeated;    ///< of a stack overflow the functions that call each other, as `detail` names them
  std::string kind;        ///< "null", "stack-overflow", ...: one word for scripts

  std::optional<Address> address;  ///< the address that could not be used
  std::string place;               ///< what lies there
  Access access = Access::kNone;
  uint32_t size = 0;

  size_t frame = 0;  ///< of the stack: the one explained
  std::optional<Instruction> instruction;
  std::vector<CodeLine> code;  ///< around the instruction
  std::string operand;         ///< the operand that was bad, as in the instruction's text
  std::optional<Registers::Index> bad_register;
  std::optional<Address> effective;  ///< what the operand's address comes to
  std::vector<OriginStep> origin;
  std::optional<GlobalVariable> global;  ///< where `origin` ends in one

  std::string abort_message;
  std::optional<ThrownException> exception;
  std::vector<std::string> remarks;  ///< whole sentences
  bool incomplete = false;           ///< the remarks say what is missing
};

}  // namespace inquest::crash
