#include "postmortem/dwarf/package_owner.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

namespace inquest::dwarf {
namespace {

constexpr size_t kMaxListBytes = 512 << 20;  // a desktop with everything has 100 MB of them

std::string whole_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

/// As the file may be named in a list.
std::vector<std::string> spellings_of(const std::string& path) {
  std::vector<std::string> result = {path};
  for (const char* merged : {"/lib", "/bin/", "/sbin/"}) {
    if (path.starts_with(merged)) result.push_back("/usr" + path);
    if (path.starts_with(std::string("/usr") + merged)) result.push_back(path.substr(4));
  }
  return result;
}

}  // namespace

void PackageOwner::load() {
  loaded_ = true;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(sysroot_ + "/var/lib/dpkg/info", error)) {
    if (entry.path().extension() != ".list" || text_.size() > kMaxListBytes) continue;
    std::string package = entry.path().stem();
    lists_.push_back({text_.size(), package.substr(0, package.find(':'))});
    text_ += '\n';
    text_ += whole_file(entry.path());
  }
  bool ubuntu = whole_file(sysroot_ + "/etc/os-release").find("\nID=ubuntu\n") != std::string::npos;
  archive_ = ubuntu ? "Ubuntu's ddebs archive" : "the debian-debug archive";
}

std::string PackageOwner::owner_of(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (!loaded_) load();
  if (!path.starts_with('/')) return {};
  for (const std::string& spelling : spellings_of(path)) {
    size_t at = text_.find("\n" + spelling + "\n");
    if (at == std::string::npos) continue;
    auto behind = std::ranges::upper_bound(lists_, at, {}, &List::begin);
    return std::prev(behind)->package;
  }
  return {};
}

std::string PackageOwner::debug_package_advice(const std::string& package) {
  // glibc is the one library whose debug package is part of the ordinary archive (debian/control of glibc).
  if (package == "libc6") return "apt install libc6-dbg";
  return "apt install " + package + "-dbgsym (from " + archive_ + ")";
}

}  // namespace inquest::dwarf
