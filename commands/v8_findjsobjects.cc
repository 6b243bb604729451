// `v8 findjsobjects`: histogram by constructor, in llnode's shape; with -d by constructor and shape.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/histogram.h"
#include "commands/isolate_title.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

/// llnode names a shape by this many of its properties.
constexpr size_t kShownProperties = 3;

std::string shape_name(const v8::CensusRow& row) {
  std::string name = row.type;
  for (size_t i = 0; i < std::min(row.property_names.size(), kShownProperties); ++i) {
    name += (i == 0 ? ": " : ", ") + row.property_names[i];
  }
  if (row.property_names.size() > kShownProperties) name += ", ...";
  return name;
}

class HistogramBody : public ReportBody {
 public:
  HistogramBody(Histogram histogram, const Session& session, const v8::RuntimeInfo& info, v8::Reachability which,
                Selection selection, bool by_shape)
      : histogram_(std::move(histogram)),
        facts_(session.target().facts()),
        info_(info),
        which_(which),
        selection_(std::move(selection)),
        by_shape_(by_shape) {}

  void write_text(Output& output) const override {
    std::set<uint32_t> isolates;
    for (const v8::CensusRow& row : histogram_.rows) isolates.insert(row.isolate);
    if (info_.isolates.size() <= 1 && isolates.size() <= 1) {
      write_header(output);
      for (const v8::CensusRow& row : histogram_.rows) {
        if (!output.ok()) return;
        write_row(output, row);
      }
      write_total(output, histogram_.total);
      return;
    }
    for (uint32_t isolate : isolates) write_isolate(output, isolate);
    output.append("All isolates:\n");
    write_total(output, histogram_.total);
  }

  void write_json(JsonWriter& json) const override {
    json.field("objects", to_string(which_));
    json.field_if_known("filter", selection_.filter_text);
    json.field_if_known("node_version", info_.node_version);
    json.field_if_known("core", facts_.core_path);
    if (facts_.pid != 0) json.field("pid", facts_.pid);
    if (facts_.core_time != 0) json.field("core_time", facts_.core_time);
    write_sums(json, "total", histogram_.total);
    if (histogram_.left_out.rows > 0) write_sums(json, "left_out", histogram_.left_out);
    json.begin_rows("rows");
    if (selection_.sort == SortKey::kName) {
      for (const v8::CensusRow& row : histogram_.rows) write_row(json, row);
    } else {
      for (auto row = histogram_.rows.rbegin(); row != histogram_.rows.rend() && json.ok(); ++row) {
        write_row(json, *row);
      }
    }
    json.end_array();
  }

 private:
  void write_isolate(Output& output, uint32_t isolate) const {
    Sums total;
    output.print("{}:\n", isolate_title(info_, isolate));
    write_header(output);
    for (const v8::CensusRow& row : histogram_.rows) {
      if (!output.ok()) return;
      if (row.isolate != isolate) continue;
      write_row(output, row);
      total.add(row);
    }
    write_total(output, total);
    output.append('\n');
  }

  void write_header(Output& output) const {
    if (by_shape_) {
      output.append("   Sample Obj.  Instances  Total Size  Properties  Elements  Name\n");
      output.append(" ------------- ---------- ----------- ----------- --------- -----\n");
    } else {
      output.append(" Instances  Total Size Name\n");
      output.append(" ---------- ---------- ----\n");
    }
  }

  void write_row(Output& output, const v8::CensusRow& row) const {
    if (by_shape_) {
      output.print(" {:13x} {:10} {:11} {:11} {:9} {}\n", row.sample.value(), row.count, row.size, row.properties,
                   row.elements, escape_text(shape_name(row)));
    } else {
      output.print(" {:10} {:10} {}\n", row.count, row.size, escape_text(row.type));
    }
  }

  void write_total(Output& output, const Sums& total) const {
    if (by_shape_) {
      output.append(" ------------ ---------- ----------- ----------- ----------- ----\n");
      output.print("             {:11} {:11} \n", total.count, total.size);
    } else {
      output.append(" ---------- ---------- \n");
      output.print(" {:10} {:10} \n", total.count, total.size);
    }
  }

  void write_row(JsonWriter& json, const v8::CensusRow& row) const {
    json.begin_object();
    json.field("type", row.type);
    json.field("count", row.count);
    json.field("size", row.size);
    json.field("self_size", row.self_size);
    json.field("isolate", row.isolate);
    if (!row.sample.is_null()) json.field("sample", row.sample);
    if (by_shape_) {
      json.field("properties", row.properties);
      json.field("elements", row.elements);
      json.begin_array("property_names");
      for (const std::string& name : row.property_names) json.element(name);
      json.end_array();
    }
    json.end_object();
  }

  static void write_sums(JsonWriter& json, std::string_view key, const Sums& sums) {
    json.begin_object(key);
    json.field("rows", sums.rows);
    json.field("count", sums.count);
    json.field("size", sums.size);
    json.field("self_size", sums.self_size);
    json.end_object();
  }

  Histogram histogram_;
  const ProcessFacts& facts_;
  const v8::RuntimeInfo& info_;
  v8::Reachability which_;
  Selection selection_;
  bool by_shape_;
};

class FindJsObjects : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    auto selection = Selection::from(args);
    if (!selection) return std::move(selection).error();
    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    v8::CensusOptions options{.which = reachability_of(args), .by_shape = args.has("detailed")};
    auto census = (*runtime)->census(options);
    if (!census) return std::move(census).error();

    Report report;
    Histogram histogram = make_histogram(std::move(census).value(), *selection);
    if (const Sums& left_out = histogram.left_out; left_out.rows > 0) {
      report.note(fmt::format("{} smaller rows left out by --top: {} instances, {} bytes", left_out.rows,
                              left_out.count, left_out.size));
    }
    report.body = std::make_unique<HistogramBody>(std::move(histogram), session, (*runtime)->info(), options.which,
                                                  std::move(selection).value(), options.by_shape);
    return report;
  }
};

}  // namespace

std::unique_ptr<const Command> make_v8_findjsobjects() {
  CommandSpec spec{
      .name = {"v8", "findjsobjects"},
      .summary = "histogram of JavaScript objects by constructor",
      .description =
          "One row for each constructor: instances and their bytes, the largest last. Live objects are counted, that "
          "is those a root leads to; --all adds garbage that was not collected yet.\n\n"
          "The size is the object and the backing stores that only it can own (elements, properties outside of the "
          "object). JSON also gives the object alone (self_size).",
      .aliases = {"findjsobjects"},
  };
  spec.options.push_back({.short_name = 'd',
                          .long_name = "detailed",
                          .help = "one row for each shape: constructor, properties and number of elements"});
  for (auto& option : reachability_options()) spec.options.push_back(std::move(option));
  for (auto& option : selection_options("count")) spec.options.push_back(std::move(option));
  spec.examples = {
      {"v8 findjsobjects --sort size --top 20", "the twenty types that hold most memory"},
      {"v8 findjsobjects -d --filter '^Session$'", "the shapes of Session objects"},
      {"v8 findjsobjects --json > before.json", "keep it for a later `v8 diff before.json`"},
  };
  return std::make_unique<FindJsObjects>(std::move(spec));
}

}  // namespace inquest::commands
