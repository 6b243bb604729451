#include "v8/capabilities.h"

#include <fmt/format.h>

namespace inquest::v8 {
namespace {
using State = Capability::State;

std::string join(const std::vector<std::string>& words, size_t most) {
  std::string text;
  for (size_t i = 0; i < words.size() && i < most; ++i) text += (i ? ", " : "") + words[i];
  if (words.size() > most) text += fmt::format(" and {} more", words.size() - most);
  return text;
}
}  // namespace

std::vector<Capability> describe_capabilities(const Heap& heap, const HeapTotals* totals) {
  const Provenance& from = heap.provenance();
  const Layout& layout = heap.layout();
  std::vector<Capability> report;
  report.push_back({"layout constants", State::kWorks, fmt::format("{} v8dbg constants", from.v8dbg_constants),
                    layout.missing.empty() ? "" : "from the table instead: " + join(layout.missing, 8)});
  report.push_back({"heap pages", State::kWorks, from.page_layout, ""});
  const Roots& roots = heap.isolates().front().roots;
  report.push_back({"roots by name", State::kWorks,
                    fmt::format("{} names by {}; {} of {} maps in place", heap.root_names().size(),
                                heap.root_names().source(), roots.maps_found, roots.maps_expected),
                    ""});
  report.push_back(
      {"isolates and threads", from.threads.starts_with("0 of") ? State::kLimited : State::kWorks, from.threads, ""});
  report.push_back({"free space unit", State::kWorks, from.free_space_unit, ""});
  report.push_back({"feedback vectors", State::kWorks, from.feedback_vector, ""});
  WalkStats stats = totals ? totals->sum() : from.validation;
  uint64_t bad = stats.not_parsed;
  uint64_t bytes = stats.bytes;
  std::string extent = totals ? "whole heap walked" : fmt::format("validated on {} pages", from.validated_pages);
  std::string walked = fmt::format("{}: {} objects, {} bytes", extent, stats.objects, bytes);
  State walk = bad == 0 ? State::kWorks : bad * 100 < bytes ? State::kLimited : State::kMissing;
  report.push_back({"object walk", walk, walked, bad ? fmt::format("{} bytes could not be read as objects", bad) : ""});
  bool names = heap.root("to_string_tag_symbol") != 0 && heap.root("constructor_string") != 0;
  report.push_back({"constructor names", names ? State::kWorks : State::kLimited, "V8's own rule (GetConstructorName)",
                    names ? "" : "the symbol @@toStringTag or the string \"constructor\" is not among the roots"});
  report.push_back({"liveness", State::kWorks, "conservative roots from native memory, stacks and registers",
                    "objects that only stale native memory points to are counted as live"});
  bool named = heap.module().symbols && heap.module().symbols->find("Builtins_InterpreterEntryTrampoline");
  const char* limits = !layout.exact ? "the frame layout was not measured for this version"
                       : !named      ? "the binary is stripped, so V8's own stubs have no names"
                                     : "";
  report.push_back({"JavaScript stacks", layout.exact ? State::kWorks : State::kLimited,
                    "frame layout by v8dbg and table, functions and positions from the frames' own objects", limits});
  bool reactions = heap.root("promise_reaction_map") != 0;
  report.push_back({"async functions", reactions ? State::kWorks : State::kMissing,
                    "generator objects and promise reactions, as V8's own async stack traces",
                    reactions ? "" : "the map of promise reactions is not among the roots"});
  bool stacks = heap.root("error_stack_symbol") != 0 || heap.root("stack_trace_symbol") != 0;
  report.push_back({"captured error stacks", stacks ? State::kWorks : State::kMissing,
                    "the private symbol of the stack, calls by their own objects",
                    stacks ? "" : "the symbol of captured stacks is not among the roots"});
  return report;
}

}  // namespace inquest::v8
