// Names for addresses of the dead process, from debug information and symbols, as an explanation words them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "postmortem/crash/function_bounds.h"
#include "postmortem/model/debug_info.h"
#include "postmortem/model/target.h"

namespace inquest::crash {

/// A variable (or other data symbol) that an address lies in.
struct DataName {
  std::string name;
  uint64_t offset = 0;  ///< of the address in it
  const Module* module = nullptr;
};

/// The function that an address of code lies in; the outermost where others are inlined.
struct FunctionName {
  std::string name;  ///< empty: unknown
  const Module* module = nullptr;
  std::string file;
  uint32_t line = 0;         ///< of the function itself, which for inlined code is that of the call
  std::string inlined_file;  ///< where the code comes from that was inlined there
  uint32_t inlined_line = 0;
};

class Names {
 public:
  Names(const Target& target, DebugInfoSource& debug_info) : target_(target), debug_info_(debug_info) {}

  const Target& target() const { return target_; }
  const MemoryReader& memory() const { return target_.memory(); }
  DebugInfoSource& debug_info() const { return debug_info_; }

  const Module* module_of(Address address) const;
  std::optional<DataName> data(Address address) const;
  /// Of the code at `address` (for callers: Frame::lookup_pc).
  FunctionName function(Address address) const;
  /// All functions, inlined ones first.
  std::vector<CodeLocation> locate(Address address) const;
  std::optional<CodeRange> range(Address address) const;

  /// "list_remove (list.c:20)", "main (t.cc:7; inlined vector.h:80)", "0x7f.. in libfoo.so" when nothing better is
  /// known.
  std::string describe_code(Address address) const;

 private:
  const Target& target_;
  DebugInfoSource& debug_info_;
};

/// "libtinfo.so.6" of "/usr/lib/x86_64-linux-gnu/libtinfo.so.6"
std::string base_name(const std::string& path);
/// The C++ name of a mangled one; other names unchanged.
std::string demangle(std::string_view name);
/// The demangled spelling of a type_info name ("St13runtime_error": std::runtime_error).
std::string demangle_type(const std::string& name);
/// What a user calls it: "strlen" for "__strlen_avx2", the variant that the C library chose for the processor.
std::string plain_name(std::string_view name);
/// Whether the module is the C or C++ runtime or the loader: a fault in it is a caller's fault.
bool is_runtime_library(const Module& module);

}  // namespace inquest::crash
