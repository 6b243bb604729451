// The manual page inquest(1) and the completion script, made from the specifications.
#pragma once

#include <string>

#include "commands/help.h"
#include "commands/registry.h"

namespace inquest::commands {

/// troff with the man macros.
std::string man_page(const ProgramSpec& program, const Registry& registry);

/// A script for bash (with or without the bash-completion package) that defines the completion of the program.
std::string bash_completion(const ProgramSpec& program, const Registry& registry);

}  // namespace inquest::commands
