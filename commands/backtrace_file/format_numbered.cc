// Frames that are numbered by #: eu-stack, gdb's backtrace, coredumpctl info, sanitizers.
//
//   #0  0x00007ffff7aa8eec clock_nanosleep        eu-stack; -m adds " - MODULE", -a " - 1" to return addresses
//   #1  0x0000555555555139 in main ()             gdb, for what has no debug information; "from LIBRARY"
//   #2  0x00005555 main (app + 0x1139)            coredumpctl: module and offset; "n/a" for no name
//   #3 0x55555139 in main (/opt/app+0x1139)       sanitizers
// gdb has been given file and line already where it prints " at FILE:LINE": such lines stay as they are.
// eu-stack -i lists inlined functions as frames of the same address.
#include "commands/backtrace_file/format.h"
#include "commands/backtrace_file/scan.h"

namespace inquest::commands::backtrace_file {
namespace {

constexpr Shape kPlainShape = {" ", "", " (", ")"};
constexpr Shape kGdbShape = {" in ", " ()", " at ", ""};

/// "NAME (MODULE + 0xOFF)", "NAME (/MODULE+0xOFF)"; true when that is what stands there.
bool read_module_offset(std::string_view text, FrameLine& frame) {
  // Newer sanitizers append the build-id.
  if (size_t id = text.find(" (BuildId: "); id != std::string_view::npos) text = text.substr(0, id);
  size_t open = text.rfind('(');
  if (open == std::string_view::npos || !text.ends_with(')')) return false;
  std::string_view inner = text.substr(open + 1, text.size() - open - 2);
  size_t plus = inner.rfind('+');
  if (plus == std::string_view::npos || plus == 0) return false;
  Scan offset(trim(inner.substr(plus + 1)));
  auto value = offset.hex_0x();
  if (!value || !offset.done()) return false;
  frame.module = trim(inner.substr(0, plus));
  frame.module_offset = value;
  read_symbol(trim(text.substr(0, open)), frame);
  return true;
}

/// "NAME (ARGUMENTS) from LIBRARY"; false when gdb knows the line.
bool read_gdb(std::string_view text, FrameLine& frame) {
  if (text.find(" at ") != std::string_view::npos) return false;
  if (size_t from = text.rfind(" from "); from != std::string_view::npos) {
    frame.module = trim(text.substr(from + 6));
    text = trim(text.substr(0, from));
  }
  read_symbol(trim(text.substr(0, text.find(" ("))), frame);
  return true;
}

}  // namespace

LineMeaning parse_numbered(std::string_view line, ParseState& state, std::vector<FrameLine>& frames) {
  LineMeaning meaning;
  Scan scan(line);
  scan.blanks();
  if (!scan.take("#")) {
    std::string_view text = trim(line);
    if (text.empty() || text.starts_with("TID ") || text.starts_with("Thread ") || text.starts_with("Stack trace"))
      meaning.ends_stack = true;
    return meaning;
  }
  auto number = scan.decimal();
  if (!number || scan.blanks() == 0) return meaning;
  if (*number == 0) meaning.begins_stack = state.tip = true;
  auto address = scan.hex_0x();
  if (!address) {
    // The frame above a signal handler was interrupted, not called from. A frame without address is still a frame.
    state.tip = scan.rest().starts_with("<signal handler called>");
    return meaning;
  }
  FrameLine frame;
  frame.whole = line;
  frame.head = scan.taken();
  frame.address = address;
  frame.shape = &kPlainShape;
  scan.blanks();
  bool is_call = scan.take("- 1");
  scan.blanks();
  std::string_view text = trim(scan.rest());
  bool is_gdb = text.starts_with("in ");
  if (is_gdb) text = trim(text.substr(3));
  if (read_module_offset(text, frame)) {
    if (is_gdb) frame.shape = &kGdbShape;
  } else if (is_gdb) {
    frame.shape = &kGdbShape;
    if (!read_gdb(text, frame)) {
      state.tip = false;
      return meaning;
    }
  } else {
    size_t dash = text.rfind(" - ");
    if (dash != std::string_view::npos) frame.module = trim(text.substr(dash + 3));
    read_symbol(trim(text.substr(0, dash)), frame);
  }
  // The kernel's way back from a signal handler: entered by a return, at its first instruction.
  bool trampoline = frame.symbol == "__restore_rt";
  frame.exact = (state.tip || trampoline) && !is_call;
  state.tip = trampoline;
  frames.push_back(frame);
  return meaning;
}

}  // namespace inquest::commands::backtrace_file
