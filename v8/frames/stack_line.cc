#include "v8/frames/stack_line.h"

#include <fmt/format.h>

namespace inquest::v8 {

StackLines::StackLines(const SourcePositions& positions)
    : positions_(positions), names_(positions.objects(), positions.scripts(), positions.offsets()) {}

std::string StackLines::function_name(uint64_t function) const {
  return names_.function_name({.function = function, .shared = positions_.shared_of(function), .receiver = {}});
}

std::string StackLines::call(const StackLine& line) const {
  if (!line.combinator.empty()) return fmt::format("Promise.{} (index {})", line.combinator, line.index);
  CallSite site = line.site;
  site.async = false;
  return names_.text(site);
}

SourcePlace StackLines::place(const StackLine& line) const {
  return positions_.place(positions_.script_of(line.site.shared), line.source_offset.value_or(-1));
}

std::string StackLines::text(const StackLine& line) const {
  std::string text = line.site.async ? "async " : "";
  std::string called = call(line);
  if (!line.combinator.empty()) return text + called;
  SourcePlace at = place(line);
  std::string location = at.script.empty() ? "<anonymous>" : at.script;
  if (at.line != 0) location += fmt::format(":{}:{}", at.line, at.column);
  return text + (called.empty() ? location : called + " (" + location + ")");
}

}  // namespace inquest::v8
