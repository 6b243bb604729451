#include "postmortem/live/mappings.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <utility>

namespace inquest::live {
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
  mapping->shared = flags[3] == 's';
  if (path > 0 && static_cast<size_t>(path) < line.size()) mapping->path = line.substr(static_cast<size_t>(path));
  return mapping->start < mapping->end;
}

/// Anonymous memory that was given a name (prctl PR_SET_VMA_ANON_NAME), and malloc's first area; a core names neither.
bool is_named_anonymous(const std::string& path) { return path.starts_with("[anon:") || path == "[heap]"; }

}  // namespace

std::vector<Mapping> read_mappings(uint64_t pid) {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  std::vector<Mapping> mappings;
  for (std::string line; std::getline(maps, line);) {
    Mapping mapping;
    if (parse_line(line, &mapping)) mappings.push_back(std::move(mapping));
  }
  return mappings;
}

bool is_private_anonymous(const Mapping& mapping) {
  return !mapping.shared &&
         (mapping.path.empty() || is_named_anonymous(mapping.path) || mapping.path.starts_with("[stack"));
}

std::vector<MemoryRegion> to_regions(std::vector<Mapping> mappings) {
  std::vector<MemoryRegion> regions;
  regions.reserve(mappings.size());
  for (Mapping& mapping : mappings) {
    MemoryRegion region;
    region.start = Address(mapping.start);
    region.size = mapping.end - mapping.start;
    region.readable = (mapping.protection & PROT_READ) != 0;
    region.writable = (mapping.protection & PROT_WRITE) != 0;
    region.executable = (mapping.protection & PROT_EXEC) != 0;
    // The kernel lets nobody else read its clock's pages (VM_IO).
    region.available = region.readable && !mapping.path.starts_with("[vvar") ? region.size : 0;
    region.file_offset = mapping.offset;
    if (!is_named_anonymous(mapping.path)) region.path = std::move(mapping.path);
    regions.push_back(std::move(region));
  }
  return regions;
}

}  // namespace inquest::live
