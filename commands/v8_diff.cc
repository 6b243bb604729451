// `v8 diff OTHER`: what grew and what shrank between two cores, or a core and a saved histogram.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/histogram.h"
#include "commands/registry.h"
#include "commands/saved_histogram.h"
#include "commands/session.h"
#include "commands/suspicion.h"
#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

struct DiffRow {
  std::string type;
  TypeSums before;
  TypeSums after;

  /// Sums of real heaps are far below 2^63; damaged ones wrap, which is as good as anything.
  int64_t count_delta() const { return static_cast<int64_t>(after.count - before.count); }
  int64_t size_delta() const { return static_cast<int64_t>(after.size - before.size); }
  bool changed() const { return before.count != after.count || before.size != after.size; }
};

/// How it was decided which of the two is the older.
enum class Order : uint8_t { kByTime, kForced, kAssumed };

const char* order_word(Order order) {
  switch (order) {
    case Order::kByTime: return "core time";
    case Order::kForced: return "option";
    case Order::kAssumed: return "assumed";
  }
  return "assumed";
}

struct Comparison {
  TypeCounts before;
  TypeCounts after;
  Order order = Order::kAssumed;
};

/// The most suspicious last: by the rank of suspicion.h, then by bytes.
void sort_by_growth(std::vector<DiffRow>& rows) {
  int64_t most = 0;
  for (const DiffRow& row : rows) {
    if (origin_of(row.type) != TypeOrigin::kEngine) most = std::max(most, row.count_delta());
  }
  auto key = [most](const DiffRow& row) {
    int rank = rank_of_growth(origin_of(row.type), row.count_delta(), most);
    return std::make_tuple(rank, row.size_delta(), row.count_delta(), std::string_view(row.type));
  };
  std::ranges::sort(rows, [key](const DiffRow& a, const DiffRow& b) { return key(a) < key(b); });
}

/// The most growing last.
void sort_rows(std::vector<DiffRow>& rows, SortKey key) {
  if (key == SortKey::kGrowth) return sort_by_growth(rows);
  std::ranges::sort(rows, [key](const DiffRow& a, const DiffRow& b) {
    if (key == SortKey::kName) return a.type < b.type;
    auto a_count = a.count_delta(), a_size = a.size_delta(), b_count = b.count_delta(), b_size = b.size_delta();
    if (key == SortKey::kSize) return std::tie(a_size, a_count, a.type) < std::tie(b_size, b_count, b.type);
    return std::tie(a_count, a_size, a.type) < std::tie(b_count, b_size, b.type);
  });
}

std::vector<DiffRow> compare(const Comparison& comparison, const Selection& selection) {
  std::map<std::string, DiffRow> by_type;
  for (const auto& [type, sums] : comparison.before.types) by_type[type].before = sums;
  for (const auto& [type, sums] : comparison.after.types) by_type[type].after = sums;
  std::vector<DiffRow> rows;
  for (auto& [type, row] : by_type) {
    if (!selection.matches(type)) continue;
    row.type = type;
    rows.push_back(std::move(row));
  }
  return rows;
}

class DiffBody : public ReportBody {
 public:
  DiffBody(std::vector<DiffRow> rows, DiffRow total, const Comparison& comparison, v8::Reachability which, SortKey sort)
      : rows_(std::move(rows)), total_(std::move(total)), which_(which), sort_(sort), order_(comparison.order) {
    before_ = {comparison.before.origin, comparison.before.core_time};
    after_ = {comparison.after.origin, comparison.after.core_time};
  }

  void write_text(Output& output) const override {
    output.print("Before: {}\nAfter:  {}\n", escape_text(before_.origin), escape_text(after_.origin));
    output.append("     Before      After      Delta  Size Before   Size After   Size Delta Name\n");
    output.append(" ---------- ---------- ---------- ------------ ------------ ------------ ----\n");
    size_t unchanged = 0;
    for (const DiffRow& row : rows_) {
      if (!output.ok()) return;
      if (row.changed()) {
        write_row(output, row);
      } else {
        ++unchanged;
      }
    }
    output.append(" ---------- ---------- ---------- ------------ ------------ ------------ \n");
    write_row(output, total_);
    if (unchanged > 0) output.print("({} types without change not shown)\n", unchanged);
  }

  void write_json(JsonWriter& json) const override {
    json.field("objects", to_string(which_));
    write_origin(json, "before", before_);
    write_origin(json, "after", after_);
    json.field("order", order_word(order_));
    json.begin_object("total");
    write_counts(json, total_);
    json.end_object();
    json.begin_rows("rows");
    if (sort_ == SortKey::kName) {
      for (const DiffRow& row : rows_) write_row(json, row);
    } else {
      for (auto row = rows_.rbegin(); row != rows_.rend() && json.ok(); ++row) write_row(json, *row);
    }
    json.end_array();
  }

 private:
  struct Origin {
    std::string origin;
    int64_t core_time = 0;
  };

  static void write_row(Output& output, const DiffRow& row) {
    output.print(" {:10} {:10} {:+10} {:12} {:12} {:+12} {}\n", row.before.count, row.after.count, row.count_delta(),
                 row.before.size, row.after.size, row.size_delta(), escape_text(row.type));
  }

  static void write_counts(JsonWriter& json, const DiffRow& row) {
    json.field("count_before", row.before.count);
    json.field("count_after", row.after.count);
    json.field("count_delta", row.count_delta());
    json.field("size_before", row.before.size);
    json.field("size_after", row.after.size);
    json.field("size_delta", row.size_delta());
  }

  static void write_row(JsonWriter& json, const DiffRow& row) {
    json.begin_object();
    json.field("type", row.type);
    write_counts(json, row);
    json.end_object();
  }

  static void write_origin(JsonWriter& json, std::string_view key, const Origin& origin) {
    json.begin_object(key);
    json.field("path", origin.origin);
    if (origin.core_time != 0) json.field("core_time", origin.core_time);
    json.end_object();
  }

  std::vector<DiffRow> rows_;
  DiffRow total_;
  v8::Reachability which_;
  SortKey sort_;
  Order order_;
  Origin before_;
  Origin after_;
};

class Diff : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    auto selection = Selection::from(args);
    if (!selection) return std::move(selection).error();
    Report report;
    const std::string& path = args.word(0);
    auto other = looks_like_json(path) ? read_saved_histogram(path) : count_core(session, path, args, report);
    if (!other) return std::move(other).error();
    v8::Reachability which = choose_reachability(args, *other, report);
    auto here = count_types(session, which);
    if (!here) return std::move(here).error();
    note_gaps(*other, report);

    Comparison comparison = put_in_order(std::move(here).value(), std::move(other).value(), args, report);
    std::vector<DiffRow> rows = compare(comparison, *selection);
    DiffRow total = add_up(rows);
    sort_rows(rows, selection->sort == SortKey::kName ? SortKey::kGrowth : selection->sort);
    keep_top(rows, *selection, report);
    if (selection->sort == SortKey::kName) sort_rows(rows, SortKey::kName);
    report.body = std::make_unique<DiffBody>(std::move(rows), std::move(total), comparison, which, selection->sort);
    return report;
  }

 private:
  static Result<TypeCounts> count_types(Session& session, v8::Reachability which) {
    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    auto census = (*runtime)->census({.which = which});
    if (!census) return std::move(census).error();
    TypeCounts counts;
    counts.origin = session.target().facts().core_path;
    counts.core_time = session.target().facts().core_time;
    counts.which = which;
    for (const v8::CensusRow& row : census->rows) counts.add(row.type, row.count, row.size);
    return counts;
  }

  /// The histogram of the core at `path`; its notes join the report, with its name before them.
  static Result<TypeCounts> count_core(const Session& session, const std::string& path, const Args& args,
                                       Report& report) {
    auto other = session.open_other(path);
    if (!other) return std::move(other).error();
    auto counts = count_types(**other, reachability_of(args));
    if (!counts) return std::move(counts).error().with_context(path);
    Report remarks;
    (*other)->add_notes(remarks);
    for (Note& note : remarks.notes) report.notes.push_back({note.severity, path + ": " + note.text});
    report.incomplete |= remarks.incomplete;
    return counts;
  }

  /// A saved histogram was counted in one way already: the other side follows it, unless told otherwise.
  static v8::Reachability choose_reachability(const Args& args, const TypeCounts& other, Report& report) {
    v8::Reachability wanted = reachability_of(args);
    if (!other.which || *other.which == wanted) return wanted;
    if (!args.has("all") && !args.has("dead")) {
      report.note(fmt::format("{} counts {} objects; so does this comparison", other.origin, to_string(*other.which)));
      return *other.which;
    }
    report.warn(fmt::format("{} counts {} objects, this core {} ones: the numbers do not compare", other.origin,
                            to_string(*other.which), to_string(wanted)));
    report.incomplete = true;
    return wanted;
  }

  /// A saved histogram may have been cut when it was written.
  static void note_gaps(const TypeCounts& other, Report& report) {
    if (other.left_out > 0) {
      report.warn(fmt::format("{} was saved with --top, {} rows are missing from it; their types count 0 there",
                              other.origin, other.left_out));
      report.incomplete = true;
    }
    if (!other.filter.empty()) {
      report.warn(fmt::format("{} was saved with --filter {}; other types count 0 there", other.origin, other.filter));
      report.incomplete = true;
    }
  }

  static Comparison put_in_order(TypeCounts here, TypeCounts other, const Args& args, Report& report) {
    Comparison comparison;
    bool other_is_older = !args.has("reverse");
    if (args.has("reverse") || args.has("no-auto-order")) {
      comparison.order = Order::kForced;
    } else if (here.core_time != 0 && other.core_time != 0 && here.core_time != other.core_time) {
      comparison.order = Order::kByTime;
      other_is_older = other.core_time < here.core_time;
    }
    comparison.before = std::move(other_is_older ? other : here);
    comparison.after = std::move(other_is_older ? here : other);
    switch (comparison.order) {
      case Order::kByTime:
        report.note(fmt::format("{} is the older one, by the time the cores were written", comparison.before.origin));
        break;
      case Order::kForced: report.note(fmt::format("{} is taken as the older one", comparison.before.origin)); break;
      case Order::kAssumed:
        report.note(fmt::format("{} is taken as the older one: the times do not tell (--reverse turns it round)",
                                comparison.before.origin));
        break;
    }
    return comparison;
  }

  static DiffRow add_up(const std::vector<DiffRow>& rows) {
    DiffRow total;
    for (const DiffRow& row : rows) {
      total.before.count += row.before.count;
      total.before.size += row.before.size;
      total.after.count += row.after.count;
      total.after.size += row.after.size;
    }
    return total;
  }

  static void keep_top(std::vector<DiffRow>& rows, const Selection& selection, Report& report) {
    if (!selection.top || rows.size() <= *selection.top) return;
    size_t left_out = rows.size() - static_cast<size_t>(*selection.top);
    rows.erase(rows.begin(), rows.begin() + static_cast<ptrdiff_t>(left_out));
    report.note(fmt::format("{} types that grew less left out by --top", left_out));
  }
};

}  // namespace

std::unique_ptr<const Command> make_v8_diff() {
  CommandSpec spec{
      .name = {"v8", "diff"},
      .summary = "what grew between two cores",
      .description =
          "Compares the histograms of this core and OTHER, which is a core or a file saved with `v8 findjsobjects "
          "--json`. Whichever was written first counts as before; a note says which. The most suspicious growth is "
          "last: "
          "types of the program before built-in types that grew about as often, which mostly are what they hold, and "
          "V8's own structures after all others; within that by bytes. Isolates are added up.",
      .positionals = {{.name = "OTHER", .help = "a core, or a saved histogram", .is_file = true}},
      .examples = {{"v8 diff core.yesterday", "what grew since yesterday, suspects last"},
                   {"v8 diff --sort count --top 10 before.json", "the ten types with most new instances"}},
  };
  spec.options = {
      {.long_name = "reverse", .excludes = "order", .help = "take OTHER as the newer one, whatever the times say"},
      {.long_name = "no-auto-order",
       .excludes = "order",
       .help = "take OTHER as the older one, whatever the times say"},
  };
  for (auto& option : reachability_options()) spec.options.push_back(std::move(option));
  for (auto& option : selection_options("growth")) spec.options.push_back(std::move(option));
  return std::make_unique<Diff>(std::move(spec));
}

}  // namespace inquest::commands
