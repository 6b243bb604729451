// The files that hold the debug information of one program or library.
//
// Looked for in gdb's order (gdb manual, "Debugging Information in Separate Files"):
//   1. the file itself: .debug_info, .zdebug_info;
//   2. DEBUGDIR/.build-id/xx/yyyy.debug, where xxyyyy is its build-id;
//   3. the name in .gnu_debuglink: beside the file, in .debug/ beside it, in DEBUGDIR/FOLDER-OF-THE-FILE/;
//   4. an unstripped copy in a --debug-dir, proved by its build-id;
//   5. debuginfod, when asked for;
//   6. .gnu_debugdata, a compressed .symtab ("MiniDebugInfo"), which gives names of functions only.
// DEBUGDIR is each --debug-dir and /usr/lib/debug, each below the sysroot first when there is one.
//
// Nothing is taken on its name alone: 2 and 4 compare the build-id, 3 compares the CRC over the whole file and the
// build-id where both files have one. A refusal is an attempt with its reason, never silence.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/dwarf/debug_info_source.h"
#include "postmortem/elf/elf_image.h"
#include "postmortem/model/debug_info_report.h"
#include "postmortem/model/target.h"

namespace inquest::dwarf {

struct DebugFiles {
  std::shared_ptr<const elf::ElfImage> image;      ///< the program or library itself; null when it is not at hand
  std::shared_ptr<const elf::ElfImage> debug;      ///< has .debug_info: `image` or its separate debug file; or null
  std::shared_ptr<const elf::ElfImage> alternate;  ///< the file that `dwz -m` moved common parts of `debug` to
  std::shared_ptr<const elf::ElfImage> symbols;    ///< a .symtab for an `image` without one; null when it has its own
  DebugInfoReport::Source source = DebugInfoReport::Source::kNone;  ///< how `debug` was found
  bool symbols_are_mini = false;                                    ///< `symbols` is .gnu_debugdata
  std::string missing_alternate;  ///< the name of the alternate file that `debug` needs and that was not found
  std::vector<DebugInfoReport::Attempt> attempts;  ///< every path tried, in order
  /// Refusals that the user should hear of, one phrase each ("CRC of /x/t.debug is .., wanted ..").
  std::vector<std::string> refused;
};

class DebugFileFinder {
 public:
  explicit DebugFileFinder(SearchOptions options);

  /// Of a module of a process. Its file has been compared with the process when the module was made; debug files are
  /// compared with Module::build_id. Thread-safe.
  DebugFiles find(const Module& module) const;
  /// Of a file on this machine, opened already.
  DebugFiles find(std::shared_ptr<const elf::ElfImage> image) const;

  /// Each folder that separate debug files are looked for in, in order.
  const std::vector<std::string>& folders() const { return folders_; }
  const SearchOptions& options() const { return options_; }

 private:
  SearchOptions options_;
  std::vector<std::string> folders_;
};

/// Whether it holds DWARF units, whole (a file cut short does not count).
bool has_debug_info(const elf::ElfImage& image);

/// By the sections, whose offsets stay right in debug files and in the files of `dwz -m`, which have no program
/// headers; else by the program headers.
std::string build_id_of(const elf::ElfImage& image);

/// What .gnu_debuglink says: a name and the CRC32 of the file it means (gdb manual, as above).
struct Debuglink {
  std::string name;
  uint32_t crc = 0;
};
std::optional<Debuglink> parse_debuglink(elf::Bytes section);

/// What .gnu_debugaltlink (dwz) or .debug_sup (DWARF 5, 7.3.6) says: a name and the build-id or checksum in hex.
struct AlternateLink {
  std::string name;
  std::string build_id;
};
std::optional<AlternateLink> parse_altlink(elf::Bytes section);
std::optional<AlternateLink> parse_debug_sup(elf::Bytes section);
/// The link of `image`, from whichever section has it.
std::optional<AlternateLink> alternate_link(const elf::ElfImage& image);

/// The polynomial of zlib and of .gnu_debuglink.
uint32_t debuglink_crc(elf::Bytes bytes);

/// "not there", "permission denied", ... for an errno of MappedFile::open.
std::string open_failure(int failure);

}  // namespace inquest::dwarf
