// The .bt files of openresty-systemtap-toolkit (sample-bt, sample-bt-off-cpu, sample-bt-vfs), and two relatives.
//
//    0x401132 : outer+0x12/0x40 [/opt/app/bin/app]         exactly one blank, innermost first
//    0x7f0c1b2d : 0x7f0c1b2d [/lib/libz.so.1+0x1b2d/0x1a000]   no symbol: newer SystemTap gives the offset in the
//    module
//   <TAB>123                                               the weight ends the stack
//
// The innermost frame is where the sample was taken, all others are return addresses. The tool that inquest replaces
// takes the line after a weight (and the first line of the file) for the innermost one, and so does this; a blank line
// separates stacks too, for scripts that print no weights.
#include "commands/backtrace_file/format.h"
#include "commands/backtrace_file/scan.h"

namespace inquest::commands::backtrace_file {
namespace {

constexpr Shape kBtShape = {" : ", "+0x0/0x0", " [", "]"};
constexpr Shape kGlibcShape = {"", "", " ", ""};
constexpr Shape kGlibcBareShape = {" ", "", " ", ""};
constexpr Shape kAddressShape = {" ", "", " (", ")"};

}  // namespace

LineMeaning parse_bt(std::string_view line, ParseState& state, std::vector<FrameLine>& frames) {
  LineMeaning meaning;
  bool tip = state.tip;
  state.tip = false;
  if (trim(line).empty()) {
    meaning.ends_stack = state.tip = true;
    return meaning;
  }
  Scan scan(line);
  if (scan.take("\t")) {
    meaning.count = scan.decimal();
    if (meaning.count && trim(scan.rest()).empty()) meaning.ends_stack = state.tip = true;
    return meaning;
  }
  if (!scan.take(" ")) return meaning;
  auto address = scan.hex_0x();
  if (!address) return meaning;
  FrameLine frame;
  frame.whole = line;
  frame.head = scan.taken();
  frame.shape = &kBtShape;
  frame.address = address;
  frame.exact = tip;
  scan.blanks();
  if (scan.take(":")) {
    std::string_view name = trim(scan.rest());
    size_t bracket = name.rfind(" [");
    if (bracket != std::string_view::npos && name.ends_with(']')) {
      read_module(name.substr(bracket + 2, name.size() - bracket - 3), frame);
      name = trim(name.substr(0, bracket));
    }
    read_symbol(name, frame);
  }
  frames.push_back(frame);
  return meaning;
}

/// glibc debug/backtracesyms.c: "FILE(SYMBOL+0xOFF) [0xADDRESS]", "FILE(+0xOFF) [0xADDRESS]", "FILE() [...]",
/// "FILE [...]", "[0xADDRESS]". backtrace() gives return addresses only, its caller's own included.
LineMeaning parse_glibc(std::string_view line, ParseState&, std::vector<FrameLine>& frames) {
  LineMeaning meaning;
  std::string_view text = trim(line);
  size_t bracket = text.rfind('[');
  if (bracket == std::string_view::npos || !text.ends_with(']')) {
    meaning.ends_stack = true;
    return meaning;
  }
  Scan scan(text.substr(bracket + 1, text.size() - bracket - 2));
  auto address = scan.hex_0x();
  std::string_view file = trim(text.substr(0, bracket));
  if (!address || !scan.done() ||
      (!file.empty() && file.find('/') == std::string_view::npos && file.find('(') == std::string_view::npos)) {
    meaning.ends_stack = true;
    return meaning;
  }
  FrameLine frame;
  frame.whole = line;
  frame.shape = &kGlibcShape;
  frame.address = address;
  // Of the line stays what is in front of the symbol and what is behind it.
  size_t open = file.rfind('(');
  if (open == std::string_view::npos || !file.ends_with(')')) {
    frame.module = file;
    frame.shape = &kGlibcBareShape;
    frame.head = line;
  } else {
    std::string_view inner = file.substr(open + 1, file.size() - open - 2);
    frame.module = file.substr(0, open);
    frame.head = line.substr(0, static_cast<size_t>(inner.data() - line.data()));
    frame.tail = line.substr(static_cast<size_t>(inner.data() - line.data()) + inner.size());
    if (inner.starts_with('+')) {
      Scan offset(inner.substr(1));
      frame.module_offset = offset.hex_0x();
    } else {
      read_symbol(inner, frame);
    }
  }
  frames.push_back(frame);
  return meaning;
}

/// Each address stands for itself, as for addr2line.
LineMeaning parse_addresses(std::string_view line, ParseState&, std::vector<FrameLine>& frames) {
  LineMeaning meaning;
  std::string_view text = trim(line);
  Scan scan(text);
  if (!scan.take("0x")) scan.take("0X");
  auto address = scan.hex();
  if (!address || !scan.done() || text.size() < 3) return meaning;
  FrameLine frame;
  frame.whole = line;
  frame.head = line.substr(0, static_cast<size_t>(text.data() - line.data()) + text.size());
  frame.shape = &kAddressShape;
  frame.address = address;
  frame.exact = true;
  frames.push_back(frame);
  meaning.begins_stack = meaning.ends_stack = true;
  return meaning;
}

}  // namespace inquest::commands::backtrace_file
