// JavaScript values as JSON, see docs of `v8 inspect`.
#pragma once

#include "commands/json_writer.h"
#include "v8/inspect/value.h"

namespace inquest::commands {

/// Writes the members of the object that stands for `value`; the caller opens and closes it. Numbers that JSON has no
/// words for are strings ("NaN", "Infinity", "-Infinity").
void write_value(JsonWriter& json, const v8::Value& value);

}  // namespace inquest::commands
