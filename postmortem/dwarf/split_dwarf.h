// The other half of split DWARF: .dwo files, and .dwp files that hold many of them (DWARF 5, 7.3.2 and 7.3.5; for
// DWARF 4 GNU's "DebugFission" and its "DWP" page, version 2 of the index).
//
// A .dwp has an index: a hash table from the 64-bit id of a unit to a row, and per row and kind of section the offset
// and size of what belongs to that unit.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "postmortem/dwarf/dwarf_file.h"

namespace inquest::dwarf {

/// Thread-safe.
class SplitDwarf {
 public:
  struct Places {
    std::vector<std::string> packages;  ///< .dwp files to try
    std::vector<std::string> folders;   ///< where relative names of .dwo files are looked for besides the comp_dir
  };
  explicit SplitDwarf(Places places) : places_(std::move(places)) {}

  /// The unit that belongs to `skeleton`, or null with `missing` set to the path of the .dwo file and why it was not
  /// taken.
  const Unit* find(const Unit& skeleton, std::string* missing);

 private:
  struct Package;
  struct File;
  const Unit* find_in_package(const Unit& skeleton);
  const Unit* find_in_file(const Unit& skeleton, const std::string& path, std::string* reason);
  void open_packages();

  Places places_;
  std::mutex mutex_;
  bool packages_open_ = false;
  std::vector<std::shared_ptr<Package>> packages_;
  std::map<std::string, std::shared_ptr<File>> files_;
};

}  // namespace inquest::dwarf
