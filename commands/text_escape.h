// Strings from a dead process may hold anything. What reaches a terminal or a JSON file passes here first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "commands/output.h"

namespace inquest::commands {

enum class LineBreaks : uint8_t {
  kEscape,  ///< for names within one line
  kKeep,    ///< for text of several lines made by ourselves
};

/// `text` made harmless for a terminal: control characters (C0, DEL, C1) become \n, \t, \xNN or \uNNNN, direction
/// overrides become \uNNNN, bytes that are not UTF-8 become \xNN. Everything else stays as it is, backslashes too.
std::string escape_text(std::string_view text, LineBreaks line_breaks = LineBreaks::kEscape);
/// A line of a source file: tabs become spaces up to the next column that is a multiple of eight, the rest as by
/// escape_text.
std::string escape_source_line(std::string_view line);

/// The same at the end of `output`, without a copy where `text` is harmless.
void append_escaped(Output& output, std::string_view text);

/// Whether `text` is printable ASCII throughout, so that `escape_text` would not change it.
bool is_plain_ascii(std::string_view text);

/// Appends `text` as a JSON string with its quotes: always valid UTF-8, wrong bytes become U+FFFD. Halves of
/// surrogate pairs (WTF-8) are escaped, as JSON.stringify does it.
void append_json_string(std::string& out, std::string_view text);

}  // namespace inquest::commands
