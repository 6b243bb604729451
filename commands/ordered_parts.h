// A long answer written by several threads, a part each at a time, and put out in order.
#pragma once

#include <cstddef>
#include <functional>

#include "commands/output.h"

namespace inquest::commands {

/// Threads that write_in_order uses, the calling one among them.
size_t writer_count();

/// Calls write(writer, part, text) once for every part below `parts`, part by part by whichever writer (below
/// writer_count()) has time; what it puts into `text` reaches `output` in the order of parts. Stops early when the
/// output says that nobody reads any more. `write` is called by one thread at a time for each writer.
void write_in_order(Output& output, size_t parts,
                    const std::function<void(size_t writer, size_t part, Output& text)>& write);

}  // namespace inquest::commands
