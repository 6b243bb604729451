// References as lines of text, in the shape that llnode gave them (src/llscan.cc of llnode 4.0.0), and as JSON; and
// what the commands that look for them have in common.
#pragma once

#include <string>

#include "commands/command.h"
#include "commands/json_writer.h"
#include "commands/report.h"
#include "v8/graph/reference_report.h"

namespace inquest::commands {

/// "0x2e41b0f20031: Session.user=0x2e41b0f20049", "0x...: Array[3]=0x...", "0x...: Map.<value of <String: "k">>=0x...".
/// In one line, harmless for a terminal.
std::string reference_line(const v8::Reference& reference);

/// The fields of one row; the caller opens and closes the object.
void write_reference(JsonWriter& json, const v8::Reference& reference);

/// What to look for, of which a line can name one thing only.
OptionSpec search_option(char short_name, const char* name, const char* value_name, const char* help);

/// --limit and --skip of `rows`: "rows", "references".
OptionSpec limit_option(char short_name, const char* default_value, std::string help);
OptionSpec skip_option(const char* rows);

/// What could not be searched, and how to see more.
void add_remarks(v8::References& found, Report& report);

}  // namespace inquest::commands
