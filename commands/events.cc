// `events`: what a tracer saw of the very process that a core is of, or of any.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/event_output.h"
#include "commands/event_pairing.h"
#include "commands/event_stacks.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"
#include "commands/trace_counts.h"

namespace inquest::commands {
namespace {

class EventsBody : public ReportBody {
 public:
  EventsBody(const Session& session, PairedEvents paired, std::string file, bool verbose,
             std::optional<TraceCounts> counts)
      : stacks_(session),
        paired_(std::move(paired)),
        file_(std::move(file)),
        verbose_(verbose),
        counts_(std::move(counts)) {}

  bool works_while_writing() const override { return true; }

  void write_text(Output& output) const override {
    if (counts_) return count(), counts_->write_text(output);
    for (ProbeEvent& event : paired_.events) {
      stacks_.name_pointers(event);
      const NativeStack& stack = stacks_.of(event);
      output.print("{}\n", escape_text(sentence(event, stack)));
      if (verbose_) append_event_stack(output, stack);
      if (!output.ok()) return;
    }
  }
  void write_json(JsonWriter& json) const override {
    json.field("file", file_);
    json.field("paired", paired_.is_paired);
    if (paired_.death) json.field("death", death_words());
    if (counts_) return count(), counts_->write_json(json);
    json.begin_rows("events");
    for (ProbeEvent& event : paired_.events) {
      stacks_.name_pointers(event);
      const NativeStack& stack = stacks_.of(event);
      json.begin_object();
      json.field("text", sentence(event, stack));
      if (auto before = paired_.before_death(event)) json.field("ns_before_death", *before);
      write_event_members(json, event, stack);
      json.end_object();
      if (!json.ok()) break;
    }
    json.end_array();
  }
  void add_late_notes(Report& report) const override {
    for (std::string& note : stacks_.notes()) report.warn(std::move(note)), report.incomplete = true;
    if (counts_) counts_->add_notes(report);
  }

 private:
  void count() const {
    for (ProbeEvent& event : paired_.events) {
      stacks_.name_pointers(event);
      counts_->add(event, stacks_);
    }
  }

  const char* death_words() const { return paired_.death_is_exact ? "recorded" : "file time of the core"; }

  std::string sentence(const ProbeEvent& event, const NativeStack& stack) const {
    return event_sentence(event, stack, paired_);
  }

  mutable EventStacks stacks_;
  mutable PairedEvents paired_;
  std::string file_;
  bool verbose_;
  mutable std::optional<TraceCounts> counts_;
};

class Events : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    auto counts = TraceCounts::asked_for(args);
    if (!counts) return std::move(counts).error();
    auto source = session.open_events(args.word(0));
    if (!source) return std::move(source).error();
    auto paired = pair_events(session, **source, !args.has("all"));
    if (!paired) return std::move(paired).error();
    Report report;
    for (std::string& note : (*source)->notes()) report.warn(std::move(note)), report.incomplete = true;
    if (session.has_target()) add_pairing_notes(session, *paired, args.word(0), report);
    uint64_t limit = args.number("limit").value_or(0);
    if (limit != 0 && paired->events.size() > limit) {
      report.note(fmt::format("the last {} of {} events are shown", limit, paired->events.size()));
      paired->events.erase(paired->events.begin(), paired->events.end() - static_cast<ptrdiff_t>(limit));
    }
    report.body =
        std::make_unique<EventsBody>(session, std::move(*paired), args.word(0), !args.has("brief"), std::move(*counts));
    return report;
  }

 private:
  static void add_pairing_notes(const Session& session, const PairedEvents& paired, const std::string& file,
                                Report& report) {
    if (!session.target().facts().at_random) {
      report.warn(
          "the core does not hold the random bytes (AT_RANDOM) that tell one run from another: events are "
          "those of its process id");
      report.incomplete = true;
    }
    if (paired.events.empty()) {
      report.warn(fmt::format("none of the {} events in {} is of the process of this core", paired.others, file));
      report.incomplete = true;
    } else if (paired.others > 0) {
      report.note(fmt::format("{} events of other processes are left out", paired.others));
    }
    if (!paired.events.empty() && !paired.death_is_exact) {
      report.note("the tracer did not see the process die: times are to the last change of the core file");
    }
  }
};

}  // namespace

std::unique_ptr<const Command> make_events() {
  using Kind = OptionSpec::Kind;
  CommandSpec spec{
      .name = {"events"},
      .summary = "what a tracer recorded before the process of this core died",
      .description =
          "FILE is what `inquest trace -o FILE` left. Its events are matched with the core by the random bytes that "
          "the kernel gives every program at its start, so a file of many processes, or of many runs of one program, "
          "gives those of the very process that died. Each is told as a sentence with its distance from the crash, "
          "then the whole stack. Stacks get their names now, with the debug files that are at hand now. JavaScript "
          "frames that could not be named while the process ran get their names from the heap in its core, as far as "
          "that "
          "proves them; others are marked and counted.\n\n"
          "Without a core, all events of the file.\n\n"
          "JSON: file, paired, death (recorded, file time of the core), events [] with text, ns_before_death and the "
          "members that `trace --json` prints; with --count rows [] of key and count, with --hist histogram [].",
      .positionals = {{.name = "FILE", .help = "an event file", .is_file = true}},
      .examples = {{"events run.events", "the events of the process that died"},
                   {"events --brief -n 5 run.events", "one line for each of the last five"},
                   {"events --count stack run.events", "input for a flame graph"}},
      .needs_core = false,
  };
  spec.options = {
      {.short_name = 'a', .long_name = "all", .help = "events of other processes in the file too"},
      {.short_name = 'b', .long_name = "brief", .help = "without stacks"},
      {.short_name = 'n',
       .long_name = "limit",
       .kind = Kind::kNumber,
       .value_name = "N",
       .default_value = "0",
       .help = "the last N events only, 0 for all"},
  };
  for (OptionSpec& option : TraceCounts::options()) spec.options.push_back(std::move(option));
  return std::make_unique<Events>(std::move(spec));
}

}  // namespace inquest::commands
