// References as lines of text, in the shape that llnode gave them (src/llscan.cc of llnode 4.0.0), and as JSON.
#pragma once

#include <string>

#include "commands/json_writer.h"
#include "v8/graph/reference_report.h"

namespace inquest::commands {

/// "0x2e41b0f20031: Session.user=0x2e41b0f20049", "0x...: Array[3]=0x...", "0x...: Map.<value of <String: "k">>=0x...".
/// In one line, harmless for a terminal.
std::string reference_line(const v8::Reference& reference);

/// The fields of one row; the caller opens and closes the object.
void write_reference(JsonWriter& json, const v8::Reference& reference);

}  // namespace inquest::commands
