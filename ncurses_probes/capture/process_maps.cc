#include "ncurses_probes/capture/process_maps.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <utility>

#include "ncurses_probes/capture/snapshot.h"

namespace inquest::probes {
namespace {

/// One line of proc(5)'s maps: "start-end rwxp offset dev inode   path".
bool parse_line(const std::string& line, Mapping* mapping) {
  char flags[5] = {};
  int path = 0;
  if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*x:%*x %*u %n", &mapping->start,
                  &mapping->end, flags, &mapping->offset, &path) < 4)
    return false;
  mapping->protection =
      (flags[0] == 'r' ? PROT_READ : 0) | (flags[1] == 'w' ? PROT_WRITE : 0) | (flags[2] == 'x' ? PROT_EXEC : 0);
  if (path > 0 && static_cast<size_t>(path) < line.size()) mapping->path = line.substr(static_cast<size_t>(path));
  return mapping->start < mapping->end;
}

/// Anonymous memory that holds no code changes all the time and matters to no stack.
bool matters(const Mapping& mapping) { return !mapping.path.empty() || (mapping.protection & PROT_EXEC) != 0; }

}  // namespace

void AddressSpace::add(Mapping mapping) {
  if (is_known_code(mapping)) return;
  bool changes = matters(mapping);
  auto at = mappings_.lower_bound(mapping.start);
  if (at != mappings_.begin() && std::prev(at)->second.end > mapping.start) --at;
  while (at != mappings_.end() && at->second.start < mapping.end) {
    Mapping old = std::move(at->second);
    at = mappings_.erase(at);
    changes |= matters(old);
    if (old.start < mapping.start) {
      Mapping before = old;
      before.end = mapping.start;
      mappings_.emplace(before.start, std::move(before));
    }
    if (old.end > mapping.end) {
      old.offset += mapping.end - old.start;
      old.start = mapping.end;
      at = mappings_.emplace(old.start, std::move(old)).first;
    }
  }
  mappings_.emplace(mapping.start, std::move(mapping));
  if (changes) snapshot_.reset();
}

/// Compilers make their memory writable and executable by turns, many times a second: it stays code.
bool AddressSpace::is_known_code(const Mapping& mapping) const {
  auto next = mappings_.upper_bound(mapping.start);
  if (next == mappings_.begin() || !mapping.path.empty()) return false;
  const Mapping& known = std::prev(next)->second;
  return known.path.empty() && (known.protection & PROT_EXEC) != 0 && mapping.end <= known.end;
}

std::vector<Mapping> AddressSpace::mappings() const {
  std::vector<Mapping> result;
  for (const auto& [start, mapping] : mappings_) result.push_back(mapping);
  return result;
}

std::shared_ptr<const ProcessSnapshot> AddressSpace::snapshot(uint64_t pid) {
  if (!snapshot_ && !mappings_.empty()) snapshot_ = make_snapshot(pid, mappings());
  return snapshot_;
}

std::vector<Mapping> read_mappings(uint64_t pid) {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  std::vector<Mapping> mappings;
  for (std::string line; std::getline(maps, line);) {
    Mapping mapping;
    if (parse_line(line, &mapping)) mappings.push_back(std::move(mapping));
  }
  return mappings;
}

bool ProcessMaps::read(uint64_t pid) {
  std::vector<Mapping> mappings = read_mappings(pid);
  if (mappings.empty()) return false;
  AddressSpace space;
  for (Mapping& mapping : mappings) space.add(std::move(mapping));
  spaces_[pid] = std::move(space);
  return true;
}

void ProcessMaps::on_map(uint64_t pid, Mapping mapping) {
  if (follows(pid)) spaces_[pid].add(std::move(mapping));
}

void ProcessMaps::on_exec(uint64_t pid) {
  if (auto space = spaces_.find(pid); space != spaces_.end()) space->second.clear();
}

void ProcessMaps::on_fork(uint64_t pid, uint64_t parent) {
  if (pid == parent) return;  // a thread
  auto from = spaces_.find(parent);
  if (from == spaces_.end()) return;
  AddressSpace copy = from->second;
  spaces_[pid] = std::move(copy);
}

std::shared_ptr<const ProcessSnapshot> ProcessMaps::snapshot(uint64_t pid) {
  auto space = spaces_.find(pid);
  if (space == spaces_.end() || space->second.empty()) {
    if (!read(pid)) return nullptr;
    space = spaces_.find(pid);
  }
  return space->second.snapshot(pid);
}

}  // namespace inquest::probes
