// Which files a process reads and writes.
#pragma once

#include <memory>

#include "postmortem/model/kernel_watch.h"
#include "postmortem/model/result.h"

namespace inquest::probes {

/// Begins to count. Errors: no such process, a 32-bit program, rights or abilities of the kernel that are missing.
Result<std::unique_ptr<FileWatch>> watch_files(const FileWatchRequest& request);

}  // namespace inquest::probes
