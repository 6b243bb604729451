// Ready-made probes for questions that come again: `@ncurses` stands for all of its set.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ncurses_probes/spec/probe_spec.h"
#include "postmortem/model/result.h"

namespace inquest::probes {

struct ProbeSet {
  std::string_view name;  ///< "ncurses"
  std::string_view what;
  std::vector<std::string_view> probes;
};

std::span<const ProbeSet> probe_sets();

/// The probes of "@NAME"; each may be left out where its file or function is not there. `text` itself where it is no
/// set.
Result<std::vector<ProbeSpec>> parse_probes(const std::string& text);

}  // namespace inquest::probes
