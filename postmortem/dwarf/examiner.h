// Says for a module or file what debug information there is, where, and what to do where there is none. It reads
// section headers, notes, and of each unit the header and first DIE, so that even a file of 500 MB takes milliseconds.
#pragma once

#include <string>

#include "postmortem/dwarf/debug_files.h"
#include "postmortem/dwarf/package_owner.h"
#include "postmortem/dwarf/unit_survey.h"
#include "postmortem/model/debug_info_report.h"
#include "postmortem/model/result.h"
#include "postmortem/model/target.h"

namespace inquest::dwarf {

class Examiner {
 public:
  explicit Examiner(const SearchOptions& options);

  DebugInfoReport examine(const Module& module);
  /// An error for what is no 64-bit ELF file of x86-64.
  Result<DebugInfoReport> examine_file(const std::string& path);

 private:
  void fill(DebugInfoReport& report, const DebugFiles& files);
  void describe_units(DebugInfoReport& report, const DebugFiles& files);
  void describe_split(DebugInfoReport& report, const DebugFiles& files, UnitSurvey& survey);
  void explain(DebugInfoReport& report, const DebugFiles& files);
  std::string advice(const DebugInfoReport& report);

  DebugFileFinder finder_;
  PackageOwner packages_;
};

/// What the flags in a DW_AT_producer tell, one phrase each ("optimised: -O2", "frame pointers kept").
std::vector<std::string> facts_from_producer(const std::string& producer);

/// Why the file at `path` cannot be examined or used as a program; for messages.
Error not_usable(const std::string& path);

}  // namespace inquest::dwarf
