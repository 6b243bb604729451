#include <fmt/format.h>

#include <utility>

#include "ncurses_probes/attach/place_finder.h"
#include "ncurses_probes/spec/probe_sets.h"
#include "ncurses_probes/tracer.h"
#include "postmortem/elf/elf_image.h"

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

Result<ProbeCheck> check_probe(const std::string& probe, const TraceRequest& request) {
  auto spec = parse_probe(probe);
  if (!spec) return std::move(spec).error();
  if (spec->kind == ProbeSpec::Kind::kSignal) return ProbeCheck{.file = {}, .build_id = {}, .places = 1, .problem = {}};
  auto context = search_context(request);
  if (!context) return std::move(context).error();
  auto path = find_file(spec->file, *context);
  if (!path) return std::move(path).error();
  ProbeCheck check{.file = *path, .build_id = {}, .places = 0, .problem = {}};
  int failure = 0;
  if (auto file = elf::MappedFile::open(*path, &failure)) {
    if (auto image = elf::ElfImage::from_file(std::move(file))) check.build_id = image->build_id();
  }
  auto places = find_places(*spec, *context);
  if (!places) {
    check.problem = places.error().what;
    return check;
  }
  check.places = places->size();
  check.has_named_arguments = !spec->parameters.empty();
  return check;
}

}  // namespace inquest::probes
