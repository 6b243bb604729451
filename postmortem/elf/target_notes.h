// Tells the user what could not be used and why, in whole sentences; never one line per library.
#pragma once

#include <string>
#include <vector>

#include "postmortem/elf/core_file.h"
#include "postmortem/elf/core_notes.h"
#include "postmortem/elf/modules.h"

namespace inquest::elf {

std::vector<std::string> describe_gaps(const CoreFile& core, const CoreNotes& notes, const ModuleMap& map);

}  // namespace inquest::elf
