// Frames of native stacks as every command writes them.
#pragma once

#include <string>
#include <string_view>

#include "commands/flame_graph.h"
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

/// One word of a stack as flame graph programs read it, where a semicolon separates functions.
std::string folded_word(std::string_view text);
/// The function's name as such a word; "[libfoo.so]" or "[unknown]" where it is not known.
std::string folded_name(const NativeStack& stack, const NativeFrame& frame);
/// What it is drawn as in a flame graph.
FlameFrame::Kind kind_of(const NativeFrame& frame);

/// The stack as one line for flame graph programs: `thread`, then the functions, outermost first, by semicolons.
std::string folded_stack(std::string_view thread, const NativeStack& stack);

/// The same stack as boxes of a flame graph.
void add_to_graph(FlameGraph& graph, std::string_view thread, const NativeStack& stack, uint64_t weight);

}  // namespace inquest::commands
