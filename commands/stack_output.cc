#include "commands/stack_output.h"

#include <algorithm>
#include <utility>

#include "commands/text_escape.h"
#include "postmortem/model/probe_event.h"

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

/// As `v8 bt` shows it, without receiver and arguments, which may have changed since the event.
std::string script_text(const ScriptFunction& script) {
  std::string name = script.function.empty() ? "(anonymous)" : escape_text(script.function);
  if (script.kind == "entry") return "<entry>";
  if (script.kind != "js") return "<" + script.kind + "> " + name;
  return name;
}

void append_script(Output& output, const ScriptFunction& script) {
  output.append(script_text(script));
  if (!script.file.empty()) {
    output.append(" at ");
    append_escaped(output, script.file);
    if (script.line != 0) output.print(":{}:{}", script.line, script.column);
  }
  if (script.inlined) output.append(" [inlined]");
  if (!script.remark.empty()) output.print(" ({})", escape_text(script.remark));
}

/// "fn /srv/app.js:12"; positions of calls in one function differ and would make stacks many.
std::string folded_script(const ScriptFunction& script) {
  std::string text = script_text(script);
  if (!script.file.empty()) text += " " + script.file;
  if (script.line != 0) text += ":" + std::to_string(script.line);
  return text;
}

void write_script_members(JsonWriter& json, const ScriptFunction& script) {
  json.field("kind", script.kind);
  json.field("function", script.function);
  json.field_if_known("file", script.file);
  if (script.line != 0) json.field("line", script.line);
  if (script.column != 0) json.field("column", script.column);
  json.field("inlined", script.inlined);
  if (script.address != 0) json.field("function_address", Address(script.address));
  json.field_if_known("tier", script.tier);
  json.field_if_known("remark", script.remark);
}

}  // namespace

std::string folded_word(std::string_view text) {
  std::string result = escape_text(text);
  std::ranges::replace(result, ';', ':');
  return result;
}

// Deep recursion has tens of thousands of these: no text is put together on the way.
void append_frame(Output& output, const NativeStack& stack, const NativeFrame& frame) {
  if (frame.script != nullptr) return append_script(output, *frame.script);
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
  if (frame.script != nullptr) {
    write_script_members(json, *frame.script);
    json.field("pc", physical.pc);
    json.field("found_by", to_string(physical.found_by));
    return;
  }
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
  if (frame.script != nullptr) return folded_word(folded_script(*frame.script));
  std::string_view function = function_name(stack, frame);
  if (!function.empty()) return folded_word(function);
  if (frame.module == nullptr) return "[unknown]";
  return "[" + folded_word(frame.module->path.substr(frame.module->path.rfind('/') + 1)) + "]";
}

FlameFrame::Kind kind_of(const NativeFrame& frame) {
  if (frame.script != nullptr) return FlameFrame::Kind::kJavaScript;
  return frame.location.inlined ? FlameFrame::Kind::kInlined : FlameFrame::Kind::kNative;
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
    const NativeFrame& frame = stack.frames[i];
    graph.push({.name = folded_name(stack, frame), .kind = kind_of(frame)});
  }
}

}  // namespace inquest::commands
