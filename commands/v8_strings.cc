// `v8 strings`: texts that are in the heap more than once, the longest ones, those that match.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <ranges>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/histogram.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

constexpr uint64_t kTextUnits = 64;
constexpr uint64_t kJsonUnits = 1000;

class StringsBody : public ReportBody {
 public:
  StringsBody(v8::StringReport report, bool isolates) : report_(std::move(report)), isolates_(isolates) {}

  void write_text(Output& output) const override {
    output.append("  Instances     Length  Total Size      Wasted Sample           String\n");
    output.append(" ---------- ---------- ----------- ----------- ---------------- ------\n");
    if (report_.rows.size() < report_.chosen) output.print(" ({} more)\n", report_.chosen - report_.rows.size());
    for (const v8::StringRow& row : report_.rows | std::views::reverse) {
      if (!output.ok()) return;
      output.print(" {:10} {:10} {:11} {:11} {:#16x} \"{}{}\"{}\n", row.count, row.length, row.size, row.wasted,
                   row.sample.value(), escape_text(row.text), row.cut ? "..." : "",
                   isolates_ ? fmt::format(" [isolate {}]", row.isolate) : "");
    }
    output.append(" ---------- ---------- ----------- ----------- ----------------\n");
    output.print("{} strings of {} bytes; {} texts are there more than once and waste {} bytes\n", report_.strings,
                 report_.size, report_.duplicated, report_.wasted);
  }

  void write_json(JsonWriter& json) const override {
    json.begin_rows("rows");
    for (const v8::StringRow& row : report_.rows) {
      if (!json.ok()) return;
      json.begin_object();
      json.field("text", row.text);
      if (row.cut) json.field("cut", true);
      json.field("length", row.length);
      json.field("count", row.count);
      json.field("size", row.size);
      json.field("wasted", row.wasted);
      json.field("isolate", row.isolate);
      json.field("sample", row.sample);
      json.begin_object("kinds");
      for (auto [name, count] : {std::pair("flat", row.flat),
                                 {"cons", row.cons},
                                 {"sliced", row.sliced},
                                 {"thin", row.thin},
                                 {"external", row.external}}) {
        if (count != 0) json.field(name, count);
      }
      json.end_object();
      json.end_object();
    }
    json.end_array();
    json.field("more_rows", report_.chosen - report_.rows.size());
    json.begin_object("total");
    json.field("strings", report_.strings);
    json.field("size", report_.size);
    json.field("duplicated_texts", report_.duplicated);
    json.field("wasted", report_.wasted);
    json.end_object();
  }

 private:
  v8::StringReport report_;
  bool isolates_;
};

class V8Strings : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    using Sort = v8::StringOptions::Sort;
    v8::StringOptions options;
    options.limit = args.number("top").value_or(0);
    options.min_length = args.number("min-length").value_or(0);
    options.max_text = args.number("length").value_or(args.json() ? kJsonUnits : kTextUnits);
    if (args.has("full-string")) options.max_text = std::numeric_limits<uint32_t>::max();
    if (auto regex = args.value("regex")) {
      auto pattern = v8::Regex::parse(*regex, args.has("ignore-case"));
      if (!pattern) return std::move(pattern).error().with_context("--regex");
      options.pattern = std::move(*pattern);
    }
    options.single = args.has("longest") || options.pattern.has_value() || args.has("single");
    std::string sort = args.value("sort").value_or(args.has("longest") ? "length"
                                                   : options.pattern   ? "size"
                                                                       : "wasted");
    options.sort = sort == "length"  ? Sort::kLength
                   : sort == "count" ? Sort::kCount
                   : sort == "size"  ? Sort::kSize
                                     : Sort::kWasted;

    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    auto found = (*runtime)->strings(options, reachability_of(args));
    if (!found) return std::move(found).error();
    Report report;
    if (found->not_compared > 0) {
      report.incomplete = true;
      report.warn(
          fmt::format("{} strings that are put together of others, or parts of others, and longer than 4,096 "
                      "characters were not compared with others.",
                      found->not_compared));
    }
    if (found->unreadable > 0) {
      report.incomplete = true;
      report.warn(fmt::format("The characters of {} strings are not in the core.", found->unreadable));
    }
    if (found->not_matched > 0) {
      report.incomplete = true;
      report.warn(
          fmt::format("The regular expression was given up on in {} strings: it tries too many ways, or they are of "
                      "pieces and too long.",
                      found->not_matched));
    }
    bool isolates = (*runtime)->info().isolates.size() > 1;
    report.body = std::make_unique<StringsBody>(std::move(found).value(), isolates);
    return report;
  }
};

}  // namespace

std::unique_ptr<const Command> make_v8_strings() {
  using Kind = OptionSpec::Kind;
  CommandSpec spec{
      .name = {"v8", "strings"},
      .summary = "texts that are there more than once, the longest, those that match",
      .description =
          "One row for each text that several strings have, with their number and bytes and what one string instead of "
          "all of them would save; the most wasteful last. With --longest or --regex texts that are there once count "
          "too. External strings count with their characters. Strings of several isolates cannot be shared and are "
          "rows of their own.",
      .examples = {{"v8 strings", "what is there more than once"},
                   {"v8 strings --longest --top 5", "the five longest"},
                   {"v8 strings --regex '^https?://' --sort count", "addresses of the web"}},
  };
  spec.options = {
      {.long_name = "regex", .kind = Kind::kText, .value_name = "REGEX", .help = "only texts that match"},
      {.short_name = 'i', .long_name = "ignore-case", .help = "with --regex: upper and lower case alike"},
      {.long_name = "longest", .help = "by length, texts that are there once too"},
      {.long_name = "single", .help = "texts that are there once too"},
      {.long_name = "sort",
       .kind = Kind::kChoice,
       .value_name = "KEY",
       .choices = {"wasted", "count", "size", "length"},
       .help = "what is the largest in the last row (else wasted, with --regex size, with --longest length)"},
      {.long_name = "top",
       .kind = Kind::kNumber,
       .value_name = "N",
       .default_value = "20",
       .help = "the first N rows, 0 for all"},
      {.long_name = "min-length",
       .kind = Kind::kNumber,
       .value_name = "N",
       .default_value = "0",
       .help = "only strings of N characters or more"},
      {.short_name = 'F', .long_name = "full-string", .help = "texts to their end"},
      {.short_name = 'l',
       .long_name = "length",
       .kind = Kind::kNumber,
       .value_name = "N",
       .help = "characters of a text that are shown, else 64 (JSON: 1,000)"},
  };
  for (auto& option : reachability_options()) spec.options.push_back(std::move(option));
  return std::make_unique<V8Strings>(std::move(spec));
}

}  // namespace inquest::commands
