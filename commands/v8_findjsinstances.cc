// `v8 findjsinstances TYPE`: the instances of one type, all or those that fulfil a condition, a page at a time.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/expression.h"
#include "commands/histogram.h"
#include "commands/inspect_options.h"
#include "commands/instance_rows.h"
#include "commands/ordered_parts.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"
#include "commands/words.h"

namespace inquest::commands {
namespace {

struct Request {
  RowShape rows;
  uint64_t skip = 0;
  bool chosen = false;  ///< by a condition
};

/// "id,user.name,tags[0]" at the commas between members.
Result<std::vector<MemberColumn>> parse_columns(const std::string& text) {
  std::vector<MemberColumn> columns = {};
  size_t at = 0;
  char quote = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    char c = i < text.size() ? text[i] : ',';
    if (quote != 0 && i < text.size()) {
      quote = c == quote ? '\0' : quote;
      continue;
    }
    if (c == '"' || c == '\'') quote = c;
    if (c != ',') continue;
    std::string title = text.substr(at, i - at);
    auto path = v8::parse_path(title);
    if (!path) return std::move(path).error().with_context("--print");
    columns.push_back({title, std::move(*path)});
    at = i + 1;
  }
  return columns;
}

class InstancesBody : public ReportBody {
 public:
  InstancesBody(v8::Instances instances, v8::Runtime& runtime, Request request)
      : instances_(std::move(instances)), runtime_(runtime), request_(std::move(request)) {}

  void write_text(Output& output) const override {
    if (instances_.of_type == 0) {
      output.print("No objects found with type name {}\n", escape_text(request_.rows.type));
      return;
    }
    write_rows(output, [](InstanceRows& writer, std::span<const v8::Instance> rows, size_t, Output& text) {
      for (const v8::Instance& instance : rows) writer.write_text(instance, text);
    });
    if (!output.ok()) return;
    bool none = instances_.rows.empty();
    uint64_t shown_to = none ? 0 : request_.skip + instances_.rows.size();
    if (!none && shown_to < instances_.total) output.append("..........\n");
    output.print("(Showing {} to {} of {} instances{})\n", none ? 0 : request_.skip + 1, shown_to, instances_.total,
                 request_.chosen ? fmt::format(", chosen of {}", instances_.of_type) : "");
  }

  void write_json(JsonWriter& json) const override {
    json.field("type", request_.rows.type);
    json.field("total", instances_.total);
    if (request_.chosen) json.field("of_type", instances_.of_type);
    json.field("skip", request_.skip);
    json.begin_rows("rows");
    if (!instances_.rows.empty()) {
      write_rows(json.add_rows(),
                 [](InstanceRows& writer, std::span<const v8::Instance> rows, size_t part, Output& text) {
                   JsonWriter lines = JsonWriter::of_rows(text, part == 0);
                   for (const v8::Instance& instance : rows) writer.write_json(instance, lines);
                 });
    }
    json.end_array();
  }

 private:
  template <class Write>
  void write_rows(Output& output, const Write& write) const {
    constexpr size_t kPart = 1024;
    std::span<const v8::Instance> rows = instances_.rows;
    std::vector<std::unique_ptr<InstanceRows>> writers(writer_count());
    write_in_order(output, (rows.size() + kPart - 1) / kPart, [&](size_t writer, size_t part, Output& text) {
      if (!writers[writer]) writers[writer] = std::make_unique<InstanceRows>(runtime_, request_.rows);
      auto from_here = rows.subspan(part * kPart);
      write(*writers[writer], from_here.first(std::min(kPart, from_here.size())), part, text);
    });
  }

  v8::Instances instances_;
  v8::Runtime& runtime_;
  Request request_;
};

class FindJsInstances : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    Request request{.rows = {.type = args.word(0)}};
    v8::InstanceOptions options{.which = reachability_of(args), .limit = args.number("output-limit").value_or(0)};
    auto condition = condition_of(args);
    if (condition && !*condition) return std::move(*condition).error();
    if (condition) options.select.where = &condition->value();
    request.chosen = condition.has_value();
    if (auto sort = args.value("sort")) {
      bool descending = sort->starts_with('-');
      auto path = v8::parse_path(descending ? sort->substr(1) : *sort);
      if (!path) return std::move(path).error().with_context("--sort");
      options.select.sort = std::move(*path);
      options.select.descending = descending || args.has("descending");
    }
    if (auto print = args.value("print")) {
      auto columns = parse_columns(*print);
      if (!columns) return std::move(columns).error();
      request.rows.columns = std::move(*columns);
    }
    request.rows.verbose = args.has("verbose") || args.has("detailed");
    request.rows.shown = inspect_options(args, request.rows.verbose ? 1 : 0);

    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    std::string line =
        fmt::format("{} {} {} {} {} {}", to_string(options.which), options.limit, request.rows.type,
                    args.value("where").value_or(""), args.value("sort").value_or(""), args.has("descending"));
    // JSON is for scripts: there the same line gives the same answer, --skip turns the pages.
    bool turns_pages = options.limit > 0 && !args.json() && !args.has("skip");
    if (turns_pages && session.paging().request == line) options.skip = session.paging().next;
    if (auto skip = args.number("skip")) options.skip = *skip;

    auto instances = (*runtime)->instances(request.rows.type, options);
    if (!instances) return std::move(instances).error();
    if (instances->of_type == 0 && is_llnode_name(request.rows.type)) {
      request.rows.type = request.rows.type.substr(1, request.rows.type.size() - 2);
      instances = (*runtime)->instances(request.rows.type, options);
      if (!instances) return std::move(instances).error();
    }
    uint64_t shown_to = options.skip + instances->rows.size();
    if (turns_pages) session.paging() = {line, shown_to < instances->total ? shown_to : 0};

    Report report;
    if (instances->of_type == 0) explain_none(**runtime, request.rows.type, options.which, report);
    tell_gaps(instances->gaps, report);
    request.skip = options.skip;
    ValueNumbers numbers(session, args.json());
    for (const v8::Instance& instance : instances->rows) numbers.add(instance.address.value());
    numbers.tell(report);
    report.body = std::make_unique<InstancesBody>(std::move(instances).value(), **runtime, std::move(request));
    return report;
  }

 private:
  static void tell_gaps(const v8::SelectionGaps& gaps, Report& report) {
    if (gaps.computed > 0) {
      report.warn(fmt::format("{} times a getter would have had to run to know a member; it counts as unknown.",
                              gaps.computed));
    }
    if (gaps.not_matched > 0) {
      report.warn(fmt::format(
          "{} texts count as not matching: a regular expression tries too many ways in them, or they are in pieces "
          "and longer than 16 million characters.",
          gaps.not_matched));
    }
    if (gaps.computed > 0 || gaps.not_matched > 0) report.incomplete = true;
  }

  static std::optional<Result<v8::Condition>> condition_of(const Args& args) {
    auto text = args.value("where");
    if (!text) return std::nullopt;
    auto condition = v8::parse_condition(*text);
    if (!condition) return std::move(condition).error().with_context("--where");
    return condition;
  }

  /// llnode has names of its own for some types of V8, which are called here as JavaScript calls them.
  static bool is_llnode_name(std::string_view type) {
    constexpr std::string_view kNames[] = {"(Array)", "(Object)", "(Function)", "(RegExp)", "(Date)", "(ArrayBuffer)"};
    return std::ranges::find(kNames, type) != std::ranges::end(kNames);
  }

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

std::vector<OptionSpec> options_of_command() {
  using Kind = OptionSpec::Kind;
  std::vector<OptionSpec> options = {
      {.short_name = 'v', .long_name = "verbose", .help = "with properties and elements"},
      {.short_name = 'd', .long_name = "detailed", .help = "the same as -v"},
      {.short_name = 'n',
       .long_name = "output-limit",
       .kind = Kind::kNumber,
       .value_name = "N",
       .default_value = "0",
       .help = "instances on one page, 0 for all"},
      {.long_name = "skip", .kind = Kind::kNumber, .value_name = "N", .help = "pass over the first N instances"},
      {.long_name = "where",
       .kind = Kind::kText,
       .value_name = "CONDITION",
       .help = "only instances that fulfil it, such as 'state == \"pending\" && retries > 3'"},
      {.long_name = "print",
       .kind = Kind::kText,
       .value_name = "MEMBERS",
       .help = "with the values of these members, such as id,user.name"},
      {.long_name = "sort",
       .kind = Kind::kText,
       .value_name = "MEMBER",
       .help = "by the value of a member, numbers before strings; -MEMBER: the largest first"},
      {.long_name = "descending", .help = "with --sort: the largest first"},
  };
  for (auto& option : length_options()) options.push_back(std::move(option));
  for (auto& option : detail_options()) options.push_back(std::move(option));
  for (auto& option : reachability_options()) options.push_back(std::move(option));
  return options;
}

}  // namespace

std::unique_ptr<const Command> make_v8_findjsinstances() {
  CommandSpec spec{
      .name = {"v8", "findjsinstances"},
      .summary = "instances of a type, by address or by a condition",
      .description =
          "One value in each line, in the order of addresses. With -n the same command again shows the next page, and "
          "after the last page the first one. TYPE is a name that `v8 findjsobjects` prints; names with blanks need no "
          "quotes, names with parentheses do in a shell.\n\n"
          "CONDITION compares members (a.b[3].c, [\"any name\"], this) with numbers, texts in quotes, true, false, "
          "null, "
          "undefined or other members: == != < <= > >=; =~ /regex/ or /regex/i; \"name\" in a.b for existence; a "
          "member "
          "alone is true as in JavaScript; && || ! and parentheses. Values of different kinds are never equal and "
          "never "
          "ordered; a member that is not there is undefined. Only own members count, keys of Maps among them; getters "
          "are not run.",
      .positionals = {{.name = "TYPE", .help = "constructor name, or (String), (Array), ...", .joins_rest = true}},
      .examples = {{"v8 findjsinstances -n 10 Session", "the first ten sessions; again for the next ten"},
                   {"v8 findjsinstances -v Session", "with their properties and elements"},
                   {"v8 findjsinstances --where 'retries > 3 && user.name =~ /^a/' --print id,user.name Task",
                    "those that were tried often, with two members"},
                   {"v8 findjsinstances --sort -bytes -n 5 Upload", "the five largest"}},
      .aliases = {"findjsinstances"},
      .llnode_usage = "v8 findjsinstances [flags] instance_name",
      .repeats = true,
  };
  spec.options = options_of_command();
  return std::make_unique<FindJsInstances>(std::move(spec));
}

}  // namespace inquest::commands
