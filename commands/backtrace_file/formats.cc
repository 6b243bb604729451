#include <algorithm>
#include <array>

#include "commands/backtrace_file/format.h"
#include "commands/backtrace_file/scan.h"

namespace inquest::commands::backtrace_file {
namespace {

constexpr std::array kFormats = {
    Format{"bt", "SystemTap's print_ubacktrace with counts, as sample-bt writes it", parse_bt, true, false},
    Format{"stack", "eu-stack, gdb, coredumpctl, sanitizers: frames numbered by #", parse_numbered, false, true},
    Format{"perf", "perf script", parse_perf, false, false},
    Format{"bpftrace", "maps and prints of ustack: modes bpftrace, perf, raw, build_id", parse_bpftrace, false, false},
    Format{"glibc", "backtrace_symbols", parse_glibc, false, false},
    Format{"addresses", "one address per line", parse_addresses, false, false},
    Format{"folded", "folded stacks with addresses or symbol+offset", parse_folded, false, false},
};

/// How many frames the parser sees that can be looked up.
size_t useful_frames(const Format& format, std::string_view sample) {
  ParseState state;
  std::vector<FrameLine> frames;
  size_t useful = 0;
  while (!sample.empty()) {
    size_t end = sample.find('\n');
    std::string_view line = sample.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    frames.clear();
    LineMeaning meaning = format.parse(line, state, frames);
    useful += static_cast<size_t>(std::ranges::count_if(
        frames, [](const FrameLine& frame) { return frame.address || frame.module_offset || frame.symbol_offset; }));
    // A folded file of plain names is one as well, with nothing to look up.
    if (meaning.whole_stack) useful = std::max<size_t>(useful, 1);
    sample.remove_prefix(end == std::string_view::npos ? sample.size() : end + 1);
  }
  return useful;
}

bool has_map(std::string_view sample) {
  return sample.starts_with('@') ? sample.find('[') != std::string_view::npos
                                 : sample.find("\n@") != std::string_view::npos;
}

}  // namespace

std::span<const Format> formats() { return kFormats; }

const Format* find_format(std::string_view name) {
  if (name == "eu-stack" || name == "gdb" || name == "systemd") name = "stack";
  auto found = std::ranges::find(kFormats, name, &Format::name);
  return found == kFormats.end() ? nullptr : &*found;
}

const Format* detect_format(std::string_view sample) {
  const Format* best = nullptr;
  size_t most = 0;
  for (const Format& format : kFormats) {
    size_t useful = useful_frames(format, sample);
    // Inside a map of bpftrace, lines of its mode `perf` look like those of perf script.
    if (format.parse == parse_bpftrace && useful > 0 && has_map(sample)) return &format;
    if (useful > most) {
      most = useful;
      best = &format;
    }
  }
  return best;
}

}  // namespace inquest::commands::backtrace_file
