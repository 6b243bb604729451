// Which file an address of a backtrace lies in, and at which link-time address.
//
// Three things can tell: a memory map (a core, or a copy of /proc/PID/maps), the module that the line names together
// with the symbol and offset it gives, and the load address that other lines of the same stack imply. A program that
// is not position-independent needs none of them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "commands/backtrace_file/format.h"
#include "commands/report.h"
#include "commands/session.h"
#include "postmortem/model/object_file.h"

namespace inquest::commands::backtrace_file {

/// One file that addresses lie in.
struct Object {
  std::string name;                ///< as the user or the backtrace names it
  std::optional<ObjectFile> file;  ///< absent when it cannot be opened
  const Module* module = nullptr;  ///< of a core
  DebugInfo* info = nullptr;       ///< null: not opened yet, or not to be had
  std::string problem;             ///< why there is no file or no debug information
  std::optional<uint64_t> bias;    ///< where lines with symbols say that it was loaded
  bool several_biases = false;     ///< ... and they do not agree: more than one process
  uint64_t unplaced = 0;           ///< frames whose address could not be made a link-time one
  uint64_t looked_up = 0;
  uint64_t with_line = 0;
  /// Every function symbol by name, made when a name alone has to do.
  std::vector<Symbol> by_name;
};

struct Placement {
  Object* object = nullptr;
  std::optional<uint64_t> link_time;  ///< of what the line gives, before the step back into the call
  std::optional<uint64_t> bias;       ///< learned from this line
  bool wants_bias = false;            ///< only the load address of `object` is missing
};

class ProcessMap {
 public:
  explicit ProcessMap(Session& session) : session_(session), files_(&session.debug_info()) {}

  std::optional<Error> set_executable(const std::string& path);
  /// A copy of /proc/PID/maps.
  std::optional<Error> add_maps(const std::string& path);
  /// The modules of the session's core, which must outlive this.
  void add_core(Session& core);
  bool has_executable() const { return executable_ != nullptr; }

  Placement place(const FrameLine& frame);
  /// The debug information of `object`, or null.
  DebugInfo* debug_info(Object& object);

  /// What was missing, for the user.
  void add_notes(Report& report) const;

 private:
  struct Mapping {
    uint64_t start = 0;
    uint64_t end = 0;
    uint64_t offset = 0;
    std::string path;  ///< of a maps file; opened when an address lies in it
    Object* object = nullptr;
  };

  Object* object_of(std::string_view module);
  Object* open_module(const std::string& name);
  Object* with_build_id(std::string_view build_id);
  bool place_by_mapping(const FrameLine& frame, Placement& placement);
  void place_in(Object& object, const FrameLine& frame, Placement& placement);
  std::optional<uint64_t> by_symbol(Object& object, const FrameLine& frame);
  bool is_executable_address(const FrameLine& frame, const Object* named) const;

  Session& session_;
  DebugInfoSource* files_;
  DebugInfoSource* core_files_ = nullptr;
  std::deque<Object> objects_;
  Object* executable_ = nullptr;
  std::vector<Mapping> mappings_;  ///< by address
  std::unordered_map<std::string, Object*> by_module_;
  /// The last answer of object_of: frames of one module come in runs.
  std::string last_module_;
  Object* last_object_ = nullptr;
  uint64_t in_no_module_ = 0;
  bool refused_modules_ = false;
};

}  // namespace inquest::commands::backtrace_file
