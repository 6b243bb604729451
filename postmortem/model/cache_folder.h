// Folders of inquest's own files: $XDG_CACHE_HOME/inquest/NAME, or ~/.cache/inquest/NAME.
#pragma once

#include <string>
#include <string_view>

#include "postmortem/model/result.h"

namespace inquest {

/// Makes the folder where it does not exist, open to its owner alone: what is kept there comes from cores, which hold
/// secrets.
Result<std::string> cache_folder(std::string_view name);

/// Removes the files of such a folder that have not been written or marked as used (futimens) for two weeks. What
/// cannot be removed stays.
void remove_unused(const std::string& folder);

}  // namespace inquest
