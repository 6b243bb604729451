// Which of the mapped files is the program, and which file on this machine may stand for it.
#pragma once

#include <string>
#include <vector>

#include "postmortem/elf/modules.h"

namespace inquest::elf {

/// Number of the program among `map.objects`, or -1. The identities must have been found.
int main_object(const CoreFile& core, const CoreNotes& notes, const ModuleMap& map);

/// The file that the user named as the program `object`; an error when it cannot be used or is another build.
Result<FileChoice> use_executable(const std::string& path, const MappedObject& object, const CoreNotes& notes);

/// Takes back a program's file that was accepted without proof when its entry point is not the core's.
void refuse_unfit(MappedObject& object, const CoreNotes& notes);

/// What NT_FILE would say about the program, for cores without that note: the segments of `executable` placed by
/// AT_ENTRY. Empty when that cannot be told.
std::vector<FileMapping> assumed_mappings(const std::string& executable, const CoreNotes& notes);

}  // namespace inquest::elf
