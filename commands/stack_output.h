// Frames of native stacks as every command writes them.
#pragma once

#include <string>
#include <string_view>

#include "commands/json_writer.h"
#include "commands/native_stack.h"
#include "commands/output.h"

namespace inquest::commands {

/// "main (argc=1) at /src/t.c:12 [inlined]", without number and line end.
void append_frame(Output& output, const NativeStack& stack, const NativeFrame& frame);

/// The members of a frame's JSON object from "kind" on.
void write_frame_members(JsonWriter& json, const NativeStack& stack, const NativeFrame& frame);

/// `arguments` as a JSON array of {name, value, type}.
void write_variables(JsonWriter& json, std::string_view key, const std::vector<Variable>& arguments);

/// The stack as one line for flame graph programs: `thread`, then the functions, outermost first, by semicolons.
std::string folded_stack(std::string_view thread, const NativeStack& stack);

}  // namespace inquest::commands
