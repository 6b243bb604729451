// What debug information says about addresses of one ELF file, and where it was found.
//
// Every address here is a link-time address of the file (run-time address - Module::bias).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "postmortem/model/debug_info_report.h"
#include "postmortem/model/frame.h"
#include "postmortem/model/memory_reader.h"
#include "postmortem/model/result.h"
#include "postmortem/model/target.h"

namespace inquest {

/// One function that an address lies in: an inlined one, or the one whose code it is. Texts live as long as the
/// DebugInfo they came from.
struct CodeLocation {
  /// As gdb shows it: qualified, demangled, template arguments in, parameter types out ("ns::Widget<int>::poke").
  /// Empty when neither debug information nor a symbol tells.
  std::string_view function;
  /// Mangled name (or plain, for C) as in DW_AT_linkage_name or the symbol table; empty when there is none.
  std::string_view linkage_name;
  std::string_view file;     ///< full path: DW_AT_comp_dir and the directory of the line table joined; empty: unknown
  uint32_t line = 0;         ///< 1-based; 0: unknown
  uint32_t column = 0;       ///< 1-based; 0: unknown
  bool inlined = false;      ///< inlined into the next location
  bool from_symbol = false;  ///< there is no debug information for it: the name is the ELF symbol's
  uint64_t function_start = 0;    ///< entry address of the function or of the inlined block; 0: unknown
  uint64_t declaration_line = 0;  ///< DW_AT_decl_line of the function; 0: unknown
  uint64_t die = 0;               ///< offset of the DIE in its section: a key for caches and for `arguments`
};

/// The locations of many addresses. Each thread that looked some up has filled blocks of its own, for there may be half
/// a million.
class CodeLocations {
 public:
  CodeLocations() = default;
  CodeLocations(CodeLocations&&) = default;
  CodeLocations& operator=(CodeLocations&&) = default;

  /// Of address `index`, innermost first.
  std::span<const CodeLocation> of(size_t index) const { return places_[index]; }

  /// Makes room for the answers about `count` addresses.
  void expect(size_t count) { places_.resize(count); }
  /// Keeps locations and gives where they stay.
  std::span<const CodeLocation> keep(std::vector<CodeLocation> block) { return blocks_.emplace_back(std::move(block)); }
  /// `locations` are a part of what `keep` gave.
  void set(size_t index, std::span<const CodeLocation> locations) { places_[index] = locations; }

 private:
  std::vector<std::vector<CodeLocation>> blocks_;
  std::vector<std::span<const CodeLocation>> places_;
};

/// A formal parameter (or local variable) of a frame with its value in that frame.
struct Variable {
  std::string name;
  std::string type;   ///< "const char *"; empty: unknown
  std::string value;  ///< as gdb would print it in a frame: 42, 0x7ffe.., "text", true, {...}; "<optimized out>"
  std::optional<uint64_t> bits;  ///< the first 8 bytes of the value, where there is one
  bool available = false;
};

/// A frame's state, for evaluating DWARF expressions in it.
struct FrameContext {
  const MemoryReader& memory;
  const Frame& frame;
  uint64_t bias = 0;
  const Frame* caller = nullptr;        ///< next older physical frame, for DW_OP_entry_value; may be null
  std::span<const Frame> callers = {};  ///< all older ones, `caller` first: its own arguments may come from its caller
  const Target* target = nullptr;       ///< for the symbols that pointers lead to; may be null
  bool with_types = true;               ///< whether Variable::type is wanted: names of types take time
};

/// A jump at the end of a function that calls another one and leaves nothing on the stack.
struct TailCall {
  uint64_t pc = 0;
  bool is_return_pc = false;  ///< `pc` is behind the jump, not at it
  uint64_t target = 0;        ///< entry of the function called; 0: it is in another file, or not known
  std::string_view name;      ///< where `target` is 0: the linker's name of that function; empty: through a pointer
};

class DebugInfo {
 public:
  virtual ~DebugInfo() = default;

  /// Says that `locate` will be asked, with `arguments` that `arguments` will be too: work that every answer needs may
  /// begin beside that of the caller. Comes back at once.
  virtual void prepare(bool /*arguments*/) {}

  /// For each address the functions it lies in, innermost first: never empty for an address inside a function that
  /// debug information or a symbol knows. Works in parallel. Addresses may repeat and come in any order.
  virtual CodeLocations locate(std::span<const uint64_t> addresses) = 0;

  /// The parameters of `location`, which `locate` gave for `address`. Empty when debug information does not say.
  virtual std::vector<Variable> arguments(uint64_t address, const CodeLocation& location,
                                          const FrameContext& context) = 0;

  /// All tail calls of the function whose code `address` is in, in no order; empty when it has none, or it is not known
  /// whether there are more. Nothing when debug information does not describe that function.
  virtual std::optional<std::vector<TailCall>> tail_calls(uint64_t /*address*/) { return std::nullopt; }

  /// What could not be seen so far: whole phrases ("inlined functions of t.cc are unknown: /src/t.dwo is missing").
  virtual std::vector<std::string> notes() const = 0;
};

/// Finds and keeps the debug information of modules and files. Thread-safe.
class DebugInfoSource {
 public:
  virtual ~DebugInfoSource() = default;

  /// Of a module of the target, found once; never null (a module without file and debug file knows its symbols only).
  virtual DebugInfo& of(const Module& module) = 0;
  /// Of a file on this machine.
  virtual Result<DebugInfo*> open(const std::string& path) = 0;

  /// Where the debug information of a module or file lies and, where it was not taken, why. Reads headers only.
  virtual DebugInfoReport examine(const Module& module) = 0;
  virtual Result<DebugInfoReport> examine_file(const std::string& path) = 0;
};

}  // namespace inquest
