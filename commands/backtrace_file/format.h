// The shapes in which tools write backtraces, line by line.
//
// A format knows which lines are frames, where a stack begins and ends, and how a frame is written with a better name.
// Lines it does not know are passed through as they are. A parser keeps no text: everything it finds is a view into the
// line.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace inquest::commands::backtrace_file {

/// How a frame is written: HEAD before_name NAME after_name TAIL before_place FILE:LINE end.
struct Shape {
  std::string_view before_name;
  std::string_view after_name;
  std::string_view before_place;
  std::string_view end;
};

/// What a line says about one frame; each part may be missing.
struct FrameLine {
  std::string_view whole;  ///< the text this frame was read from: the line, or one element of a folded stack
  std::string_view head;   ///< kept in front of the new name
  std::string_view tail;   ///< kept behind it
  const Shape* shape = nullptr;
  std::optional<uint64_t> address;  ///< at run time, unless it is one as linked
  /// `address` is the instruction being executed; otherwise it is a return address, and the call lies before it.
  bool exact = false;
  /// The tool that wrote it says that this is a function inlined into one of the next frames.
  bool inlined = false;
  std::string_view symbol;  ///< without offset; empty where the tool knew none
  std::optional<uint64_t> symbol_offset;
  uint64_t symbol_size = 0;               ///< 0: not told
  std::string_view module;                ///< path or name of the file; empty: not told
  std::optional<uint64_t> module_offset;  ///< from the lowest mapped address of the module
  std::string_view build_id;              ///< with it, `module_offset` counts from the start of the file
};

struct LineMeaning {
  bool begins_stack = false;      ///< this line belongs to a stack of its own (or to the one it begins)
  bool ends_stack = false;        ///< the stack ends with this line
  bool whole_stack = false;       ///< this line is a stack by itself, outermost frame first
  std::optional<uint64_t> count;  ///< how often (how long, how many bytes) the stack was seen
  std::string_view root;          ///< what the whole stack belongs to (the process's name)
};

/// What a parser remembers from line to line.
struct ParseState {
  bool tip = true;  ///< the next frame is the innermost of its stack
  bool in_map = false;
};

struct Format {
  std::string_view name;
  std::string_view description;
  /// Appends the frames of `line` (without its line end) to `frames`.
  LineMeaning (*parse)(std::string_view line, ParseState& state, std::vector<FrameLine>& frames);
  bool mangled_names = false;    ///< names are written as the symbol table has them
  bool numbers_inlines = false;  ///< inlined functions may be listed as frames of the same address
};

/// Every format, the surest to recognise first.
std::span<const Format> formats();
const Format* find_format(std::string_view name);
/// The format of a file that begins with `sample`, or null.
const Format* detect_format(std::string_view sample);

// The parsers, one per family.
LineMeaning parse_bt(std::string_view line, ParseState& state, std::vector<FrameLine>& frames);
LineMeaning parse_perf(std::string_view line, ParseState& state, std::vector<FrameLine>& frames);
LineMeaning parse_bpftrace(std::string_view line, ParseState& state, std::vector<FrameLine>& frames);
LineMeaning parse_numbered(std::string_view line, ParseState& state, std::vector<FrameLine>& frames);
LineMeaning parse_glibc(std::string_view line, ParseState& state, std::vector<FrameLine>& frames);
LineMeaning parse_addresses(std::string_view line, ParseState& state, std::vector<FrameLine>& frames);
LineMeaning parse_folded(std::string_view line, ParseState& state, std::vector<FrameLine>& frames);

}  // namespace inquest::commands::backtrace_file
