#include "postmortem/model/cache_folder.h"

#include <sys/stat.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>

namespace inquest {

namespace fs = std::filesystem;

Result<std::string> cache_folder(std::string_view name) {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  fs::path folder;
  if (cache && *cache == '/') {
    folder = cache;
  } else if (home && *home == '/') {
    folder = fs::path(home) / ".cache";
  } else {
    return unusable("no folder for inquest's files: neither XDG_CACHE_HOME nor HOME is set", "set XDG_CACHE_HOME");
  }
  folder = folder / "inquest" / name;
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) {
    return unusable("cannot make the folder " + folder.string() + ": " + failure.message(),
                    "set XDG_CACHE_HOME to a folder you can write to");
  }
  fs::permissions(folder, fs::perms::owner_all, failure);
  return folder.string();
}

void remove_unused(const std::string& folder) {
  constexpr time_t kKeepUnused = 14 * 24 * 3600, kKeepUnfinished = 3600;
  std::error_code failure;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, failure)) {
    struct stat status;
    if (lstat(entry.path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    // Names with a dot are of files that are being written; a process that was killed leaves them so.
    bool unfinished = entry.path().filename().string().starts_with('.');
    if (std::time(nullptr) - status.st_mtime > (unfinished ? kKeepUnfinished : kKeepUnused))
      fs::remove(entry.path(), failure);
  }
}

}  // namespace inquest
