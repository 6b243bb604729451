// Whether the debug information of one module is at hand, where, and what to do when it is not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace inquest {

struct DebugInfoReport {
  enum class Status : uint8_t {
    kFull,           ///< functions, inlines, types, lines
    kLineTables,     ///< lines and inlines, no types (-g1, -gline-tables-only)
    kSplit,          ///< skeleton units only: the rest is in .dwo files or a .dwp that are (partly) missing
    kMiniDebugInfo,  ///< .gnu_debugdata: function names only
    kSymbols,        ///< .symtab: function names only
    kNone,           ///< dynamic symbols at most
    kMismatch,       ///< the file on this machine is another build than the process had mapped
    kMissing,        ///< the file is not on this machine
  };
  enum class Source : uint8_t { kNone, kEmbedded, kBuildId, kDebuglink, kDwz, kDwo, kDebuginfod };
  struct Attempt {
    std::string path;
    std::string outcome;  ///< "not there", "taken", "another build (build-id 12ab..)", "CRC 1234abcd, wanted ..."
  };

  std::string path;           ///< as the process knew it, or the file asked about
  std::string file;           ///< file used on this machine; empty: none
  std::string build_id;       ///< lower-case hex; of the core where it has one, else of the file
  std::string file_build_id;  ///< of the file on this machine
  Status status = Status::kNone;
  Source source = Source::kNone;
  std::string debug_file;            ///< where the debug information lies; empty: none
  std::string alternate_file;        ///< dwz -m file in use; empty: none needed or missing
  std::optional<int> dwarf_version;  ///< highest of its units
  std::string language;              ///< DW_AT_language of most units ("C++14")
  std::string producer;              ///< DW_AT_producer of most units
  std::string compression;           ///< "zlib", "zlib-gnu", "zstd"; empty: none
  std::vector<std::string> facts;    ///< further findings, one phrase each (".gdb_index", "3 of 64 .dwo missing", ...)
  std::vector<Attempt> attempts;     ///< every path tried, in order
  std::string reason;                ///< why there is not more; empty when full
  std::string fix;                   ///< what to do ("apt install libc6-dbg"); empty: nothing to do or unknown
  uint64_t start = 0, end = 0;       ///< mapped range; 0 for files
  bool of_kernel = false;            ///< the vdso: nobody expects debug information for it

  bool has_debug_info() const { return status == Status::kFull || status == Status::kLineTables; }
};

/// The modules of a live process.
struct ProcessDebugInfo {
  std::vector<DebugInfoReport> modules;
  std::vector<std::string> notes;  ///< what is no module (code made at run time), or could not be seen
};

/// The spelling of the JSON contract: "full", "line-tables", "split", "minidebuginfo", "symbols", "none", "mismatch",
/// "missing"; "embedded", "build-id", "debuglink", "dwz", "dwo", "debuginfod" and "" for kNone.
std::string_view to_string(DebugInfoReport::Status status);
std::string_view to_string(DebugInfoReport::Source source);

}  // namespace inquest
