#include <fmt/format.h>

#include <utility>

#include "ncurses_probes/attach/place_finder.h"
#include "ncurses_probes/spec/probe_sets.h"
#include "ncurses_probes/tracer.h"

namespace inquest::probes {

Result<std::vector<ProbePlace>> list_probes(const std::string& file, const std::string& pattern) {
  std::vector<ProbePlace> found;
  if (file.empty()) {
    for (const ProbeSet& set : probe_sets()) {
      found.push_back({.probe = fmt::format("@{}", set.name), .detail = std::string(set.what)});
      for (std::string_view probe : set.probes) found.push_back({.probe = std::string(probe), .detail = {}});
    }
    return found;
  }
  auto statics = static_probes(file, pattern.empty() ? "*" : pattern);
  if (!statics) return std::move(statics).error();
  found = std::move(*statics);
  ProbeSpec spec;
  spec.file = file;
  // Arguments would take the time of reading all debug information.
  spec.parameters.push_back({.name = "unknown", .type = {}});
  spec.function = pattern.empty() ? "*" : pattern;
  auto places = find_places(spec, {});
  // A stripped program may have static probes only.
  if (!places && !found.empty()) return found;
  if (!places) return std::move(places).error();
  for (const Place& place : *places)
    found.push_back(
        {.probe = fmt::format("{}:{}", file, place.function), .detail = fmt::format("{:#x}", place.address)});
  return found;
}

}  // namespace inquest::probes
