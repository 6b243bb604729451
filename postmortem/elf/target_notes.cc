#include "postmortem/elf/target_notes.h"

#include <fmt/format.h>

namespace inquest::elf {
namespace {

constexpr size_t kMaxNamed = 12;  // of a list; the rest is counted

std::string join(const std::vector<std::string>& items) {
  std::string text;
  for (size_t i = 0; i < items.size() && i < kMaxNamed; ++i) text += (i ? ", " : "") + items[i];
  if (items.size() > kMaxNamed) text += fmt::format(" and {} more", items.size() - kMaxNamed);
  return text;
}

std::string tried_of(const MappedObject& object) {
  std::string text;
  for (const std::string& attempt : object.choice.tried) text += (text.empty() ? "" : "; ") + attempt;
  return text;
}

void add_truncation(std::vector<std::string>& out, const CoreFile& core) {
  if (core.missing_bytes() == 0) return;
  size_t hurt = 0;
  for (const CoreSegment& segment : core.segments()) hurt += segment.available < segment.dumped;
  out.push_back(fmt::format(
      "The core file is truncated: {} of {} bytes are missing; {} of {} memory mappings are incomplete or absent "
      "(check the disk and `ulimit -c`).",
      core.missing_bytes(), core.promised_size(), hurt, core.segments().size()));
}

void add_missing_notes(std::vector<std::string>& out, const CoreNotes& notes) {
  if (notes.threads.empty())
    out.push_back("The core file names no threads (no NT_PRSTATUS note), so there are no registers and no stacks.");
  if (!notes.has_file_note)
    out.push_back(
        "The core file does not list the mapped files (no NT_FILE note), so programs and libraries are unknown.");
}

void add_refused_files(std::vector<std::string>& out, const ModuleMap& map) {
  std::vector<const MappedObject*> missing, mismatched;
  for (const MappedObject& object : map.objects) {
    if (!object.is_elf || !object.choice.missing) continue;
    (*object.choice.missing == FaultCause::kFileMismatch ? mismatched : missing).push_back(&object);
  }
  auto paths = [](const std::vector<const MappedObject*>& objects) {
    std::vector<std::string> names;
    for (const MappedObject* object : objects) names.push_back(object->path);
    return join(names);
  };
  if (missing.size() == 1) {
    out.push_back(fmt::format("{}: file not found (tried {}).", missing[0]->path, tried_of(*missing[0])));
  } else if (!missing.empty()) {
    out.push_back(
        fmt::format("{} programs and libraries were not found on this machine: {}; put them beside the core or name "
                    "the root of their file system with --sysroot.",
                    missing.size(), paths(missing)));
  }
  if (mismatched.size() == 1) {
    out.push_back(fmt::format("{}: the file on this machine is another build and is not used ({}).",
                              mismatched[0]->path, tried_of(*mismatched[0])));
  } else if (!mismatched.empty()) {
    out.push_back(fmt::format("{} programs and libraries on this machine are other builds and are not used: {}.",
                              mismatched.size(), paths(mismatched)));
  }
}

void add_unproven_files(std::vector<std::string>& out, const ModuleMap& map) {
  std::vector<std::string> names;
  for (const MappedObject& object : map.objects)
    if (object.is_elf && object.choice.image && object.choice.proof == FileProof::kNone)
      names.push_back(object.choice.image->file()->path());
  if (names.empty()) return;
  out.push_back(
      fmt::format("{} not be checked against the core, which does not hold {} first page, and {} used unverified: {}.",
                  names.size() == 1 ? "One file could" : fmt::format("{} files could", names.size()),
                  names.size() == 1 ? "its" : "their", names.size() == 1 ? "is" : "are", join(names)));
}

}  // namespace

std::vector<std::string> describe_gaps(const CoreFile& core, const CoreNotes& notes, const ModuleMap& map) {
  std::vector<std::string> out;
  add_truncation(out, core);
  add_missing_notes(out, notes);
  add_refused_files(out, map);
  add_unproven_files(out, map);
  return out;
}

}  // namespace inquest::elf
