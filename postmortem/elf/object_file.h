// Opens a program or library on this machine as an ObjectFile.
#pragma once

#include <string>
#include <vector>

#include "postmortem/model/object_file.h"
#include "postmortem/model/result.h"

namespace inquest::elf {

/// `path` is looked for below `sysroot` first, where that is not empty. Errors are one clear line (kUnusable).
Result<ObjectFile> open_object_file(const std::string& path, const std::string& sysroot,
                                    const std::vector<std::string>& debug_dirs);

}  // namespace inquest::elf
