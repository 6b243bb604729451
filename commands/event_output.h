// A tracer's events as text and as lines of JSON.
#pragma once

#include <optional>
#include <string>

#include "commands/json_writer.h"
#include "commands/native_stack.h"
#include "commands/output.h"
#include "commands/report.h"
#include "postmortem/model/probe_event.h"

namespace inquest::commands {

/// "set_curterm(termp=NULL)", "inflate(...) = -3", "SIGSEGV at 0x2c0, which kills".
std::string event_title(const ProbeEvent& event);

/// "14:03:07.123456" of this machine's time zone.
std::string clock_text(int64_t wall_time);

/// The frames, one to a line and numbered.
void append_event_stack(Output& output, const NativeStack& stack);

/// What the source of the events says at its end; `problem`: why it ended early.
void add_source_notes(const ProbeEventSource& source, const std::optional<Error>& problem, Report& report);

/// The members of an event's JSON object.
void write_event_members(JsonWriter& json, const ProbeEvent& event, const NativeStack& stack);

}  // namespace inquest::commands
