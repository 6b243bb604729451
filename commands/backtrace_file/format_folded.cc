// Folded stacks (FlameGraph): "outermost;...;innermost COUNT". Elements that can be looked up are 0xADDRESS,
// symbol+0xOFFSET, [MODULE+0xOFFSET] and /PATH+0xOFFSET; everything else is a finished name.
#include "commands/backtrace_file/format.h"
#include "commands/backtrace_file/scan.h"

namespace inquest::commands::backtrace_file {
namespace {

constexpr Shape kFoldedShape = {"", "", "", ""};

FrameLine read_element(std::string_view text) {
  FrameLine frame;
  frame.whole = text;
  frame.shape = &kFoldedShape;
  Scan scan(text);
  if (auto address = scan.hex_0x(); address && scan.done()) {
    frame.address = address;
    return frame;
  }
  std::string_view inner = text;
  bool bracketed = text.starts_with('[') && text.ends_with(']');
  if (bracketed) inner = text.substr(1, text.size() - 2);
  if (bracketed || text.starts_with('/')) {
    read_module(inner, frame);
  } else {
    read_symbol(text, frame);
  }
  return frame;
}

}  // namespace

LineMeaning parse_folded(std::string_view line, ParseState&, std::vector<FrameLine>& frames) {
  LineMeaning meaning;
  size_t blank = line.find_last_of(" \t");
  std::string_view stack = line;
  if (blank != std::string_view::npos) {
    Scan scan(trim(line.substr(blank)));
    meaning.count = scan.decimal();
    if (meaning.count && scan.done()) stack = line.substr(0, blank);
  }
  if (!meaning.count || stack.find(';') == std::string_view::npos) {
    Scan scan(stack);
    if (!meaning.count || !scan.hex_0x()) return {};
  }
  meaning.whole_stack = meaning.begins_stack = meaning.ends_stack = true;
  while (true) {
    size_t end = stack.find(';');
    frames.push_back(read_element(stack.substr(0, end)));
    if (end == std::string_view::npos) break;
    stack.remove_prefix(end + 1);
  }
  frames.back().exact = true;
  return meaning;
}

}  // namespace inquest::commands::backtrace_file
