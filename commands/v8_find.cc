// `v8 find`: where a text, a number or a property name is in the heap.
#include <fmt/format.h>

#include <algorithm>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/expression.h"
#include "commands/histogram.h"
#include "commands/reference_text.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"
#include "commands/value_words.h"

namespace inquest::commands {
namespace {

using By = v8::ReferenceQuery::By;

class FindBody : public ReportBody {
 public:
  FindBody(v8::References found, uint64_t skip) : found_(std::move(found)), skip_(skip) {}

  void write_text(Output& output) const override {
    for (const v8::Reference& row : found_.rows) {
      if (!output.ok()) return;
      if (row.holder.is_null()) {
        bool string = row.type == "(String)";
        std::string text = escape_text(row.text);
        output.print("{:#x}:{}\n", row.value.value(), string ? fmt::format("<String: \"{}\">", text) : text);
      } else {
        output.print("{}\n", reference_line(row));
      }
    }
    if (found_.rows.empty()) {
      output.append("Nothing found\n");
      return;
    }
    uint64_t last = skip_ + found_.rows.size();
    output.print("(Showing {} to {} of {})\n", skip_ + 1, last, last + found_.more);
  }

  void write_json(JsonWriter& json) const override {
    json.field("total", found_.rows.empty() ? skip_ : skip_ + found_.rows.size() + found_.more);
    json.field("skip", skip_);
    json.field("more", found_.more);
    if (found_.searched_bytes > 0) json.field("searched_bytes", found_.searched_bytes);
    json.begin_rows("rows");
    for (const v8::Reference& row : found_.rows) {
      if (!json.ok()) return;
      json.begin_object();
      if (row.holder.is_null()) {
        json.field("address", row.value);
        json.field("type", row.type);
        json.field("text", row.text);
      } else {
        write_reference(json, row);
      }
      json.end_object();
    }
    json.end_array();
  }

 private:
  v8::References found_;
  uint64_t skip_;
};

class Find : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    auto query = query_of(args);
    if (!query) return std::move(query).error();
    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    std::string request = fmt::format("find {} {} {} {}", static_cast<int>(query->by), to_string(query->which),
                                      query->limit, query->text);
    bool turns_pages = query->limit > 0 && !args.json() && !args.has("skip");
    if (turns_pages && session.paging().request == request) query->skip = session.paging().next;
    auto found = (*runtime)->references(*query);
    if (!found) return std::move(found).error();
    if (turns_pages) session.paging() = {request, found->more > 0 ? query->skip + found->rows.size() : 0};
    Report report;
    add_remarks(*found, report);
    ValueNumbers numbers(session, args.json());
    for (const v8::Reference& row : found->rows) numbers.add((row.holder.is_null() ? row.value : row.holder).value());
    numbers.tell(report);
    report.body = std::make_unique<FindBody>(std::move(found).value(), query->skip);
    return report;
  }

 private:
  static Result<v8::ReferenceQuery> query_of(const Args& args) {
    v8::ReferenceQuery query{.places = true, .which = reachability_of(args)};
    query.limit = args.number("limit").value_or(0);
    query.skip = args.number("skip").value_or(0);
    constexpr std::pair<const char*, By> kTexts[] = {
        {"string", By::kString}, {"substring", By::kSubstring}, {"regex", By::kRegex}, {"name", By::kName}};
    for (auto [option, by] : kTexts) {
      if (auto text = args.value(option)) {
        query.by = by;
        query.text = *text;
        return query;
      }
    }
    if (auto text = args.value("number")) {
      auto number = parse_number(*text);
      if (!number) return usage_error(fmt::format("'{}' is no number", *text), "examples: 42, -0.5, 1e21, NaN");
      query.by = By::kNumber;
      query.number = *number;
      query.text = *text;
      return query;
    }
    if (!args.word(0).empty()) {
      query.by = By::kSubstring;
      query.text = args.word(0);
      return query;
    }
    return usage_error("v8 find needs to know what to look for", "examples: v8 find TEXT; v8 find --number 42");
  }
};

}  // namespace

std::unique_ptr<const Command> make_v8_find() {
  CommandSpec spec{
      .name = {"v8", "find"},
      .summary = "strings by text, numbers, and objects by property name",
      .description =
          "Strings are found wherever their characters lie, also outside of the heap, and also where they are made of "
          "others. Numbers are found as objects, BigInts of this value among them, and as elements, properties and "
          "variables that hold them, not inside of typed arrays and buffers. Addresses "
          "can be given to `v8 findrefs` and `v8 inspect`. The same command again shows the next page.\n\n"
          "Regular expressions are those of Perl, which are near to JavaScript's; they match UTF-16 units, as without "
          "the flag u. Written as /text/i they may have the flags i, m and s.",
      .positionals = {{.name = "TEXT", .help = "the same as --substring", .required = false, .joins_rest = true}},
      .examples = {{"v8 find ECONNRESET", "strings that contain it"},
                   {"v8 find --regex '/user-[0-9]+/i'", "strings in which it matches"},
                   {"v8 find --number 3.5", "the number, wherever it is stored"},
                   {"v8 find -n sessionId", "objects with this property"}},
      .repeats = true,
  };
  spec.options = {
      search_option('s', "string", "TEXT", "strings that are exactly this"),
      search_option(0, "substring", "TEXT", "strings that contain this"),
      search_option(0, "regex", "REGEX", "strings in which this matches"),
      search_option('v', "number", "NUMBER", "this number"),
      search_option('n', "name", "NAME", "objects that have a property of this name"),
      limit_option('l', "100", "rows on one page, 0 for all"),
      skip_option("rows"),
  };
  for (auto& option : reachability_options()) spec.options.push_back(std::move(option));
  return std::make_unique<Find>(std::move(spec));
}

}  // namespace inquest::commands
