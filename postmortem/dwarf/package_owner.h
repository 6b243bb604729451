// Which Debian package a file came with, read from dpkg's own database: no process is started, and a sysroot's
// database tells about the files of that sysroot.
//
// /var/lib/dpkg/info/PACKAGE[:ARCH].list has one installed path per line. Packages name files as they were before /usr
// was merged ("/lib/x86_64-linux-gnu/libc.so.6") or after; both spellings are asked for (dpkg(1), "usrmerge").
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace inquest::dwarf {

class PackageOwner {
 public:
  explicit PackageOwner(std::string sysroot) : sysroot_(std::move(sysroot)) {}

  /// The package that installed `path`, without its architecture; empty when none did. Thread-safe.
  std::string owner_of(const std::string& path);
  /// How to get the debug information of a package: "apt install libc6-dbg".
  std::string debug_package_advice(const std::string& package);

 private:
  struct List {
    size_t begin = 0;
    std::string package;
  };
  void load();

  std::string sysroot_;
  std::mutex mutex_;
  bool loaded_ = false;
  std::string text_;         ///< all lists, one behind the other
  std::vector<List> lists_;  ///< by where they begin in text_
  std::string archive_;      ///< where this distribution keeps its -dbgsym packages
};

}  // namespace inquest::dwarf
