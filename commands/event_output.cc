#include "commands/event_output.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <utility>

#include "commands/stack_output.h"
#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

/// A pointer that is null is called so: it is what most events are about.
std::string argument_text(const ProbeArgument& argument) {
  bool is_null = argument.bits == 0 && argument.type.ends_with('*');
  return is_null ? "NULL" : argument.value;
}

std::string arguments_text(const ProbeEvent& event) {
  std::string text;
  for (const ProbeArgument& argument : event.arguments)
    text += (text.empty() ? "" : ", ") + argument.name + "=" + argument_text(argument);
  return text;
}

std::string random_text(const AtRandom& bytes) {
  std::string text;
  for (std::byte byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

std::string iso_time(int64_t wall_time) {
  std::time_t seconds = wall_time / 1'000'000'000;
  std::tm parts = {};
  if (gmtime_r(&seconds, &parts) == nullptr) return {};
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", parts, wall_time % 1'000'000'000);
}

}  // namespace

std::string event_title(const ProbeEvent& event) {
  if (event.kind == ProbeEvent::Kind::kSignal) {
    std::string text = event.function;
    if (event.fault_address) text += fmt::format(" at {:#x}", event.fault_address->value());
    return text + (event.is_fatal ? ", which kills" : ", which a handler takes");
  }
  std::string text =
      fmt::format("{}({})", event.function.empty() ? event.probe : event.function, arguments_text(event));
  if (event.returned) text += fmt::format(" = {:#x}", *event.returned);
  return text;
}

std::string clock_text(int64_t wall_time) {
  std::time_t seconds = wall_time / 1'000'000'000;
  std::tm parts = {};
  if (localtime_r(&seconds, &parts) == nullptr) return "?";
  return fmt::format("{:%H:%M:%S}.{:06}", parts, wall_time % 1'000'000'000 / 1000);
}

void append_event_stack(Output& output, const NativeStack& stack) {
  for (size_t i = 0; i < stack.frames.size() && output.ok(); ++i) {
    output.print("    #{:<2} ", i);
    append_frame(output, stack, stack.frames[i]);
    output.append('\n');
  }
  if (!stack.stack.frames.empty() && !stack.stack.complete && !stack.stack.limited)
    output.print("        (ends early: {})\n", escape_text(stack.stack.stop_reason));
}

void add_source_notes(const ProbeEventSource& source, const std::optional<Error>& problem, Report& report) {
  if (problem) report.warn(problem->line()), report.incomplete = true;
  for (std::string& remark : source.remarks()) report.note(std::move(remark));
  for (std::string& note : source.notes()) report.warn(std::move(note)), report.incomplete = true;
}

void write_event_members(JsonWriter& json, const ProbeEvent& event, const NativeStack& stack) {
  json.field("time", iso_time(event.wall_time));
  json.field("boot_ns", event.time);
  json.field("probe", event.probe);
  static constexpr const char* kKinds[] = {"call", "return", "signal", "sample"};
  json.field("kind", kKinds[static_cast<size_t>(event.kind)]);
  json.field_if_known("function", event.kind == ProbeEvent::Kind::kSignal ? "" : event.function);
  json.field("pid", event.pid);
  json.field("tid", event.tid);
  json.field("comm", event.comm);
  json.begin_array("args");
  for (const ProbeArgument& argument : event.arguments) {
    json.begin_object();
    json.field("name", argument.name);
    json.field("value", argument.value);
    json.field_if_known("type", argument.type);
    json.end_object();
  }
  json.end_array();
  if (event.returned) json.field("returned", Address(*event.returned));
  if (event.kind == ProbeEvent::Kind::kSignal) {
    json.field("signal", event.function);
    json.field("signal_code", event.signal_code);
    json.field("fatal", event.is_fatal);
    if (event.fault_address) json.field("fault_address", *event.fault_address);
  }
  if (event.at_random) json.field("at_random", random_text(*event.at_random));
  if (!event.wants_stack) return;
  json.begin_array("frames");
  for (size_t i = 0; i < stack.frames.size() && json.ok(); ++i) {
    json.begin_object();
    json.field("index", i);
    write_frame_members(json, stack, stack.frames[i]);
    json.end_object();
  }
  json.end_array();
  json.field("complete", stack.stack.complete);
  if (!stack.stack.complete) json.field_if_known("stop_reason", stack.stack.stop_reason);
}

}  // namespace inquest::commands
