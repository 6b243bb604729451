// `v8 findjsinstances TYPE`: the instances of one type, by address, a page at a time.
#include <fmt/format.h>

#include <algorithm>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/histogram.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"
#include "commands/words.h"

namespace inquest::commands {
namespace {

class InstancesBody : public ReportBody {
 public:
  InstancesBody(v8::Instances instances, v8::Runtime& runtime, std::string type, uint64_t skip, bool verbose)
      : instances_(std::move(instances)), runtime_(runtime), type_(std::move(type)), skip_(skip), verbose_(verbose) {}

  void write_text(Output& output) const override {
    if (instances_.total == 0) {
      output.print("No objects found with type name {}\n", escape_text(type_));
      return;
    }
    for (const v8::Instance& instance : instances_.rows) {
      if (!output.ok()) return;
      uint64_t word = instance.address.value();
      std::string line = verbose_ ? runtime_.describe_detailed(word) : runtime_.describe(word);
      output.print("{}{}\n", address_prefix(line, word),
                   escape_text(line, verbose_ ? LineBreaks::kKeep : LineBreaks::kEscape));
    }
    bool none = instances_.rows.empty();
    uint64_t shown_to = none ? 0 : skip_ + instances_.rows.size();
    if (!none && shown_to < instances_.total) output.append("..........\n");
    output.print("(Showing {} to {} of {} instances)\n", none ? 0 : skip_ + 1, shown_to, instances_.total);
  }

  void write_json(JsonWriter& json) const override {
    json.field("type", type_);
    json.field("total", instances_.total);
    json.field("skip", skip_);
    json.begin_rows("rows");
    for (const v8::Instance& instance : instances_.rows) {
      if (!json.ok()) return;
      json.begin_object();
      json.field("address", instance.address);
      json.field("type", type_);
      json.field("size", instance.size);
      json.field("self_size", instance.self_size);
      json.field("isolate", instance.isolate);
      if (verbose_) json.field("value", runtime_.describe_detailed(instance.address.value()));
      json.end_object();
    }
    json.end_array();
  }

 private:
  /// "0xADDRESS:", unless the description has it already.
  static std::string address_prefix(const std::string& line, uint64_t word) {
    return line.starts_with("0x") ? "" : fmt::format("{:#x}:", word);
  }

  v8::Instances instances_;
  v8::Runtime& runtime_;
  std::string type_;
  uint64_t skip_;
  bool verbose_;
};

class FindJsInstances : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    const std::string& type = args.word(0);
    v8::InstanceOptions options{.which = reachability_of(args), .limit = args.number("output-limit").value_or(0)};
    std::string request = fmt::format("{} {} {}", to_string(options.which), options.limit, type);
    // JSON is for scripts: there the same line gives the same answer, --skip turns the pages.
    bool turns_pages = options.limit > 0 && !args.json() && !args.has("skip");
    if (turns_pages && session.paging().request == request) options.skip = session.paging().next;
    if (auto skip = args.number("skip")) options.skip = *skip;

    auto instances = (*runtime)->instances(type, options);
    if (!instances) return std::move(instances).error();
    uint64_t shown_to = options.skip + instances->rows.size();
    if (turns_pages) session.paging() = {request, shown_to < instances->total ? shown_to : 0};

    Report report;
    if (instances->total == 0) explain_none(**runtime, type, options.which, report);
    report.body = std::make_unique<InstancesBody>(std::move(instances).value(), **runtime, type, options.skip,
                                                  args.has("verbose") || args.has("detailed"));
    return report;
  }

 private:
  /// Nothing found is an answer, but mostly not the wanted one: say what may have been meant.
  static void explain_none(v8::Runtime& runtime, const std::string& type, v8::Reachability which, Report& report) {
    report.incomplete = true;
    auto census = runtime.census({.which = v8::Reachability::kAll});
    if (!census) return report.warn("no instances of this type");
    std::vector<std::string> types;
    for (const v8::CensusRow& row : census->rows) types.push_back(row.type);
    if (std::ranges::count(types, type) > 0) {
      bool live = which == v8::Reachability::kLive;
      report.warn(fmt::format("all instances of this type are {}; --all shows them", live ? "dead" : "live"));
    } else if (auto meant = nearest_word(type, types)) {
      report.warn(fmt::format("no type of this name; did you mean '{}'?", *meant));
    } else {
      report.warn("no type of this name; v8 findjsobjects lists them");
    }
  }
};

}  // namespace

std::unique_ptr<const Command> make_v8_findjsinstances() {
  using Kind = OptionSpec::Kind;
  CommandSpec spec{
      .name = {"v8", "findjsinstances"},
      .summary = "instances of a type, by address",
      .description =
          "One value in each line, in the order of addresses. With -n the same command again shows the next page, and "
          "after the last page the first one. TYPE is a name that `v8 findjsobjects` prints; names with blanks need no "
          "quotes, names with parentheses do in a shell.",
      .positionals = {{.name = "TYPE", .help = "constructor name, or (String), (Array), ...", .joins_rest = true}},
      .examples = {{"v8 findjsinstances -n 10 Session", "the first ten sessions; again for the next ten"},
                   {"v8 findjsinstances -v Session", "with their properties and elements"}},
      .aliases = {"findjsinstances"},
      .repeats = true,
  };
  spec.options = {
      {.short_name = 'v', .long_name = "verbose", .help = "with properties and elements"},
      {.short_name = 'd', .long_name = "detailed", .help = "the same as -v"},
      {.short_name = 'n',
       .long_name = "output-limit",
       .kind = Kind::kNumber,
       .value_name = "N",
       .default_value = "0",
       .help = "instances on one page, 0 for all"},
      {.long_name = "skip", .kind = Kind::kNumber, .value_name = "N", .help = "pass over the first N instances"},
  };
  for (auto& option : reachability_options()) spec.options.push_back(std::move(option));
  return std::make_unique<FindJsInstances>(std::move(spec));
}

}  // namespace inquest::commands
