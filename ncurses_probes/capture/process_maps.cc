#include "ncurses_probes/capture/process_maps.h"

#include <sys/mman.h>

#include <utility>

#include "ncurses_probes/capture/snapshot.h"

namespace inquest::probes {
namespace {

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
