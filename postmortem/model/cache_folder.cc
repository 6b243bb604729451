#include "postmortem/model/cache_folder.h"

#include <cstdlib>
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

}  // namespace inquest
