#include "commands/stack_output.h"

#include <algorithm>
#include <utility>

#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

void append_arguments(Output& output, const NativeFrame& frame) {
  bool first = true;
  for (const Variable& argument : frame.arguments) {
    if (!std::exchange(first, false)) output.append(", ");
    append_escaped(output, argument.name);
    output.append('=');
    append_escaped(output, argument.value);
  }
}

}  // namespace

std::string folded_word(std::string_view text) {
  std::string result = escape_text(text);
  std::ranges::replace(result, ';', ':');
  return result;
}

// Deep recursion has tens of thousands of these: no text is put together on the way.
void append_frame(Output& output, const NativeStack& stack, const NativeFrame& frame) {
  const Frame& physical = stack.physical(frame);
  if (physical.signal_trampoline) return output.append(function_name(stack, frame));
  const CodeLocation& location = frame.location;
  if (location.function.empty()) {
    output.print("{:#018x} in ?? ()", physical.pc.value());
  } else {
    append_escaped(output, location.function);
    output.append(" (");
    append_arguments(output, frame);
    output.append(')');
  }
  if (!location.file.empty()) {
    output.append(" at ");
    append_escaped(output, location.file);
    if (location.line != 0) {
      output.append(':');
      output.append_number(location.line);
    }
  } else if (frame.module != nullptr) {
    output.append(" from ");
    append_escaped(output, frame.module->path);
  }
  if (location.inlined) output.append(" [inlined]");
  if (physical.found_by == FoundBy::kScan) output.append(" [guess]");
}

void write_frame_members(JsonWriter& json, const NativeStack& stack, const NativeFrame& frame) {
  const Frame& physical = stack.physical(frame);
  json.field("kind", "native");
  json.field_if_known("function", function_name(stack, frame));
  if (frame.module != nullptr) json.field("module", frame.module->path);
  json.field_if_known("file", frame.location.file);
  if (frame.location.line != 0) json.field("line", frame.location.line);
  if (frame.location.column != 0) json.field("column", frame.location.column);
  json.field("inlined", frame.location.inlined);
  json.field("pc", physical.pc);
  json.field("found_by", to_string(physical.found_by));
  if (!frame.arguments.empty()) write_variables(json, "args", frame.arguments);
}

void write_variables(JsonWriter& json, std::string_view key, const std::vector<Variable>& arguments) {
  json.begin_array(key);
  for (const Variable& argument : arguments) {
    json.begin_object();
    json.field("name", argument.name);
    json.field("value", argument.value);
    json.field_if_known("type", argument.type);
    json.end_object();
  }
  json.end_array();
}

std::string folded_name(const NativeStack& stack, const NativeFrame& frame) {
  std::string_view function = function_name(stack, frame);
  if (!function.empty()) return folded_word(function);
  if (frame.module == nullptr) return "[unknown]";
  return "[" + folded_word(frame.module->path.substr(frame.module->path.rfind('/') + 1)) + "]";
}

std::string folded_stack(std::string_view thread, const NativeStack& stack) {
  std::string line = folded_word(thread);
  for (size_t i = stack.frames.size(); i-- > 0;) line += ";" + folded_name(stack, stack.frames[i]);
  return line;
}

void add_to_graph(FlameGraph& graph, std::string_view thread, const NativeStack& stack, uint64_t weight) {
  graph.begin_stack(weight);
  graph.push({.name = thread, .kind = FlameFrame::Kind::kThread});
  for (size_t i = stack.frames.size(); i-- > 0;) {
    bool inlined = stack.frames[i].location.inlined;
    graph.push({.name = folded_name(stack, stack.frames[i]),
                .kind = inlined ? FlameFrame::Kind::kInlined : FlameFrame::Kind::kNative});
  }
}

}  // namespace inquest::commands
