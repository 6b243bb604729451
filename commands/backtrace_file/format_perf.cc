// perf script and bpftrace.
//
// perf script (tools/perf/builtin-script.c, util/evsel_fprintf.c, sample__fprintf_callchain):
//   app 1234 [001] 17.5:  250000 cycles:        a header per sample; a blank line ends it
//           401136 inner+0x6 (inlined)          inlined functions come before the frame they are part of
//           401136 outer+0x16 (/opt/app/bin/app)
//   app 1234 17.5: cycles:  401136 outer+0x16 (/opt/app/bin/app)      without call chain, all on one line
//
// bpftrace (src/bpftrace.cpp, get_stack):
//   @[                                          one stack per key of a map
//       outer+22                                mode bpftrace: offsets are decimal, no address, no module
//   <TAB>401136 outer+22 (/opt/app/bin/app)     mode perf
//   401136                                      mode raw
//   2f1a.. 1136                                 mode build_id: build-id and offset in the file
//   ]: 17                                       the value; further parts of the key stand before the bracket
#include "commands/backtrace_file/format.h"
#include "commands/backtrace_file/scan.h"

namespace inquest::commands::backtrace_file {
namespace {

constexpr Shape kPerfShape = {" ", "", " (", ")"};
constexpr Shape kNameShape = {"", "", "@", ""};
constexpr Shape kAddressShape = {" ", "", "@", ""};

/// "ADDRESS NAME+OFFSET (MODULE)" in `line` behind `start`.
std::optional<FrameLine> read_perf_frame(std::string_view line, size_t start) {
  FrameLine frame;
  Scan scan(line.substr(start));
  scan.blanks();
  frame.address = scan.hex();
  if (!frame.address || scan.blanks() == 0) return std::nullopt;
  std::string_view text = trim(scan.rest());
  if (!text.ends_with(')')) return std::nullopt;
  // "(/opt/app (deleted))" has its own parentheses.
  constexpr std::string_view kDeleted = " (deleted))";
  size_t end = text.size() - (text.ends_with(kDeleted) ? kDeleted.size() : 1);
  size_t open = text.rfind('(', end - (end > 0 ? 1 : 0));
  if (open == std::string_view::npos || (open > 0 && text[open - 1] != ' ')) return std::nullopt;
  std::string_view module = text.substr(open + 1, end - open - 1);
  std::string_view name = trim(text.substr(0, open));
  frame.whole = line;
  frame.shape = &kPerfShape;
  Scan head(line.substr(start));
  head.blanks();
  head.hex();
  frame.head = line.substr(0, start + head.taken().size());
  frame.inlined = module == "inlined";
  read_symbol(name, frame);
  if (!frame.inlined) read_module(module, frame);
  return frame;
}

/// The frame at the end of a header line: behind "EVENT:".
std::optional<FrameLine> read_header_frame(std::string_view line) {
  if (!line.ends_with(')')) return std::nullopt;
  for (size_t colon = line.find(": "); colon != std::string_view::npos; colon = line.find(": ", colon + 1)) {
    if (auto frame = read_perf_frame(line, colon + 1)) return frame;
  }
  return std::nullopt;
}

/// The command name: what stands before the first word that is PID or PID/TID.
std::string_view command_of(std::string_view header) {
  for (size_t blank = header.find(' '); blank != std::string_view::npos; blank = header.find(' ', blank + 1)) {
    Scan scan(header.substr(blank));
    scan.blanks();
    if (!scan.decimal()) continue;
    if (scan.take("/") && !scan.decimal()) continue;
    if (scan.rest().starts_with(' ')) return trim(header.substr(0, blank));
  }
  return {};
}

std::optional<FrameLine> read_raw_frame(std::string_view line, std::string_view text) {
  FrameLine frame;
  frame.whole = line;
  frame.head = line.substr(0, static_cast<size_t>(text.data() - line.data()) + text.size());
  frame.shape = &kAddressShape;
  Scan scan(text);
  // A build-id is 8 to 20 bytes, an address at most 8.
  size_t blank = text.find(' ');
  if (blank != std::string_view::npos && blank >= 16) {
    std::string_view id = text.substr(0, blank);
    Scan offset(trim(text.substr(blank)));
    if (id.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
    frame.build_id = id;
    frame.module_offset = offset.rest().starts_with("0x") ? offset.hex_0x() : offset.hex();
    if (!frame.module_offset || !offset.done()) return std::nullopt;
    return frame;
  }
  bool prefixed = text.starts_with("0x");
  frame.address = prefixed ? scan.hex_0x() : scan.hex();
  // Without prefix, four digits at least: a counter or a name like "add" is no address.
  if (!frame.address || !scan.done() || (!prefixed && text.size() < 4)) return std::nullopt;
  return frame;
}

}  // namespace

LineMeaning parse_perf(std::string_view line, ParseState& state, std::vector<FrameLine>& frames) {
  LineMeaning meaning;
  if (trim(line).empty()) {
    meaning.ends_stack = state.tip = true;
    return meaning;
  }
  if (line[0] == '#') return meaning;
  bool is_header = line[0] != ' ' && line[0] != '\t';
  auto frame = is_header ? read_header_frame(line) : read_perf_frame(line, 0);
  if (!frame && !is_header) {
    // perf indents short command names too.
    is_header = line.ends_with(':') || line.ends_with(": ");
    if (!is_header && (frame = read_header_frame(line))) is_header = true;
  }
  if (is_header) {
    meaning.begins_stack = state.tip = true;
    meaning.root = command_of(trim(line));
  }
  if (frame) {
    frame->exact = state.tip;
    // Inlined functions share the address of their frame. Behind the kernel's frames comes the instruction that was
    // interrupted (the kernel has the upper half of the address space).
    if (!frame->inlined && *frame->address >> 63 == 0) state.tip = false;
    frames.push_back(*frame);
  }
  return meaning;
}

LineMeaning parse_bpftrace(std::string_view line, ParseState& state, std::vector<FrameLine>& frames) {
  LineMeaning meaning;
  std::string_view text = trim(line);
  if (line.starts_with('@') && text.find('[') != std::string_view::npos && text.find("]: ") == std::string_view::npos) {
    meaning.begins_stack = state.tip = state.in_map = true;
    return meaning;
  }
  size_t value = text.rfind("]: ");
  if (value != std::string_view::npos && (state.in_map || text[0] == ']')) {
    Scan scan(text.substr(value + 3));
    meaning.count = scan.decimal();
    meaning.ends_stack = state.tip = true;
    state.in_map = false;
    return meaning;
  }
  if (text.empty()) {
    // A map's key begins with an empty line when something stands before the stack.
    if (!state.in_map) meaning.ends_stack = true;
    state.tip = true;
    return meaning;
  }
  std::optional<FrameLine> frame;
  bool indented = line[0] == ' ' || line[0] == '\t';
  if (indented) frame = read_perf_frame(line, 0);
  if (!frame && (indented || state.in_map)) frame = read_raw_frame(line, text);
  if (!frame && indented) {
    FrameLine named;
    if (!read_symbol(text, named) || text.find('@') != std::string_view::npos) return meaning;
    named.whole = line;
    named.head = line.substr(0, static_cast<size_t>(text.data() - line.data()));
    named.shape = &kNameShape;
    frame = named;
  }
  if (!frame) return meaning;
  frame->exact = state.tip;
  state.tip = false;
  frames.push_back(*frame);
  return meaning;
}

}  // namespace inquest::commands::backtrace_file
