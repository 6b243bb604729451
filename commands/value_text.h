// JavaScript values as text, in the shape that llnode gave them (src/printer.cc of llnode 4.0.0), with what it did not
// know.
#pragma once

#include <string>
#include <string_view>

#include "commands/output.h"
#include "postmortem/model/address.h"
#include "v8/inspect/value.h"

namespace inquest::commands {

/// "0x2e41b0f20031:<Object: Session properties {...}>", of one line where the value was built with depth 0. Nothing in
/// it is escaped for a terminal except line breaks inside strings and names.
std::string value_text(const v8::Value& value);

/// What value_text() makes of an object that has nothing but its type, escaped: "0x2e41b0f20031:<Object: Session>".
void append_plain_object(Output& output, Address address, std::string_view type);

}  // namespace inquest::commands
