// `v8 findrefs`: who refers to a value, has a property of a name, or refers to a string; as lines or as a tree of
// holders.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_set>

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

constexpr uint64_t kTreeRows = 10000;  ///< of one tree
constexpr uint64_t kTreeWidth = 20;    ///< holders shown of one object, unless --limit says otherwise

/// A reference and what refers to its holder in turn.
struct Node {
  v8::Reference reference;
  std::vector<Node> holders;
  uint64_t more = 0;
  bool seen = false;  ///< shown further up
  bool cut = false;   ///< not followed: --depth, or the tree has become too large
};

class TreeBuilder {
 public:
  TreeBuilder(v8::Runtime& runtime, v8::ReferenceQuery query, uint64_t depth)
      : runtime_(runtime), query_(std::move(query)), depth_(depth) {
    query_.by = v8::ReferenceQuery::By::kValue;
    query_.skip = 0;
    if (query_.limit == 0) query_.limit = kTreeWidth;
  }

  Node build(v8::Reference reference, uint64_t level) {
    Node node{.reference = std::move(reference), .holders = {}};
    ++rows_;
    uint64_t holder = node.reference.holder.value();
    if (!seen_.insert(holder).second) {
      node.seen = true;
      return node;
    }
    if (node.reference.root && is_last(node.reference)) return node;
    if (level >= depth_ || rows_ >= kTreeRows) {
      node.cut = true;
      return node;
    }
    query_.word = holder;
    auto found = runtime_.references(query_);
    if (!found) {
      node.cut = true;
      return node;
    }
    node.more = found->more;
    for (v8::Reference& next : found->rows) node.holders.push_back(build(std::move(next), level + 1));
    return node;
  }

 private:
  /// Whether nothing is to be looked for above this root. What a stack or a handle refers to is mostly held by others
  /// too, which say what it is; what V8 itself starts from is not.
  static bool is_last(const v8::Reference& root) {
    bool of_program = !root.of_v8 || root.type == "Context";
    return !of_program || root.type == "global" || root.type == "Object (global)" || root.type == "(String)";
  }

  v8::Runtime& runtime_;
  v8::ReferenceQuery query_;
  uint64_t depth_;
  uint64_t rows_ = 0;
  std::unordered_set<uint64_t> seen_;
};

class ReferencesBody : public ReportBody {
 public:
  /// `lines` without a tree, `trees` with one.
  ReferencesBody(std::vector<v8::Reference> lines, std::vector<Node> trees, uint64_t more, bool strings,
                 uint32_t padding)
      : lines_(std::move(lines)), trees_(std::move(trees)), more_(more), strings_(strings), padding_(padding) {}

  void write_text(Output& output) const override {
    for (const v8::Reference& line : lines_) {
      if (!output.ok()) return;
      output.print("{}{}\n", reference_line(line), quoted(line));
    }
    for (const Node& row : trees_) {
      if (!output.ok()) return;
      write_line(output, row, 0);
    }
    if (more_ > 0) output.print("... {} more\n", more_);
  }

  void write_json(JsonWriter& json) const override {
    json.field("more", more_);
    json.begin_rows("rows");
    for (const v8::Reference& line : lines_) {
      if (!json.ok()) return;
      json.begin_object();
      write_reference(json, line);
      json.end_object();
    }
    for (const Node& row : trees_) {
      if (!json.ok()) return;
      json.begin_object();
      write_node(json, row);
      json.end_object();
    }
    json.end_array();
  }

 private:
  std::string quoted(const v8::Reference& reference) const {
    return strings_ ? fmt::format(" ='{}'", escape_text(reference.text)) : "";
  }

  void write_line(Output& output, const Node& node, size_t level) const {
    std::string margin = level == 0 ? "" : std::string(padding_ * level, ' ') + "+ ";
    std::string end = node.seen ? " [seen above]" : node.reference.root ? " [root]" : node.cut ? " [...]" : "";
    output.print("{}{}{}{}\n", margin, reference_line(node.reference), level == 0 ? quoted(node.reference) : "", end);
    for (const Node& holder : node.holders) write_line(output, holder, level + 1);
    if (node.more > 0) output.print("{}+ ... {} more\n", std::string(padding_ * (level + 1), ' '), node.more);
  }

  void write_node(JsonWriter& json, const Node& node) const {
    write_reference(json, node.reference);
    if (node.seen) json.field("seen", true);
    if (node.cut) json.field("cut", true);
    if (node.more > 0) json.field("more", node.more);
    json.begin_array("holders");
    for (const Node& holder : node.holders) {
      json.begin_object();
      write_node(json, holder);
      json.end_object();
    }
    json.end_array();
  }

  std::vector<v8::Reference> lines_;
  std::vector<Node> trees_;
  uint64_t more_;
  bool strings_;
  uint32_t padding_;  ///< columns for each level
};

class FindRefs : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    Report report;
    auto query = query_of(session, **runtime, args, report);
    if (!query) return std::move(query).error();
    auto found = (*runtime)->references(*query);
    if (!found) return std::move(found).error();

    add_remarks(*found, report);
    if (found->rows.empty() && found->remarks.empty()) {
      report.note(query->which == v8::Reachability::kLive
                      ? "nothing that is alive refers to it; --all also looks at garbage"
                      : "nothing refers to it");
    }
    ValueNumbers numbers(session, args.json());
    for (const v8::Reference& row : found->rows) numbers.add(row.holder.value());
    numbers.tell(report);
    bool tree = args.has("recursive"), strings = query->by == v8::ReferenceQuery::By::kString;
    TreeBuilder builder(**runtime, *query, tree ? args.number("depth").value_or(0) : 0);
    std::vector<Node> trees;
    if (tree) {
      for (v8::Reference& row : found->rows) trees.push_back(builder.build(std::move(row), 1));
      found->rows.clear();
    }
    report.body = std::make_unique<ReferencesBody>(std::move(found->rows), std::move(trees), found->more, strings,
                                                   session.settings().tree_padding);
    return report;
  }

 private:
  static Result<v8::ReferenceQuery> query_of(const Session& session, v8::Runtime& runtime, const Args& args,
                                             Report& report) {
    using By = v8::ReferenceQuery::By;
    v8::ReferenceQuery query{.which = reachability_of(args)};
    query.internal = args.has("internal");
    query.limit = args.number("limit").value_or(0);
    query.skip = args.number("skip").value_or(0);
    if (auto name = args.value("name")) {
      query.by = By::kName;
      query.text = *name;
      return query;
    }
    if (auto text = args.value("string")) {
      query.by = By::kString;
      query.text = *text;
      return query;
    }
    std::string value = args.value("value").value_or(args.word(0));
    if (value.empty()) return usage_error("USAGE: v8 findrefs expr");  // llnode's line up to its end
    auto exists = [&](uint64_t word) { return is_object(runtime, word); };
    auto number = parse_number(value);
    // Digits are an address where an object is (20530000e001 may be both), or where they are too many for an index.
    auto address = number ? parse_expression(value, exists) : evaluate(session, value, exists);
    bool here = address && exists(address->value);
    if (number && !here && !(address && address->value > std::numeric_limits<uint32_t>::max())) {
      query.by = By::kNumber;
      query.number = *number;
      return query;
    }
    if (!address) return std::move(address).error();
    bool bare = value.find_first_not_of("0123456789abcdefABCDEF") == value.npos && !number;
    if (bare && !here) {
      return usage_error(fmt::format("'{}' is neither a number nor the address of an object", value),
                         "names are looked for with -n, strings with -s");
    }
    if (!address->note.empty()) report.note(address->note);
    query.word = address->value;
    return query;
  }
};

}  // namespace

std::unique_ptr<const Command> make_v8_findrefs() {
  using Kind = OptionSpec::Kind;
  CommandSpec spec{
      .name = {"v8", "findrefs"},
      .summary = "who refers to a value, a property name or a string",
      .description =
          "One line for each reference: the holder, how it holds (property, [index], variable of a scope, entry of a "
          "Map, argument of a bound function; V8's own fields in <brackets>), and what is held. The objects that V8 "
          "puts "
          "between an object and its elements, properties or entries are left out unless --internal is given. "
          "References that do not keep their target alive are marked as weak.\n\n"
          "VALUE may be a number; numbers are found as elements, properties, variables and entries, also where they "
          "are stored without an object. Else " +
          expression_help("it") +
          "\n\nThe first search builds an index of "
          "all "
          "references, which is kept for the session and in $XDG_CACHE_HOME/inquest/index.",
      .positionals =
          {{.name = "VALUE", .help = "address or number, the same as -v", .required = false, .joins_rest = true}},
      .examples = {{"v8 findrefs 0x2e41b0f20031", "what refers to this object"},
                   {"v8 findrefs -r 0x2e41b0f20031", "and what refers to that, up to the roots"},
                   {"v8 findrefs -n user", "objects with a property 'user'"},
                   {"v8 findrefs -s admin", "what refers to a string 'admin'"}},
      .aliases = {"findrefs"},
  };
  spec.options = {
      search_option('v', "value", "VALUE", "what refers to this address, or holds this number"),
      search_option('n', "name", "NAME", "objects that have a property of this name, and its value"),
      search_option('s', "string", "STRING", "what refers to a string with exactly this text"),
      {.short_name = 'r',
       .long_name = "recursive",
       .help = "a tree: what refers to the holders, up to the roots and, of those that only a stack or a handle makes "
               "roots, on"},
      {.long_name = "depth",
       .kind = Kind::kNumber,
       .value_name = "N",
       .default_value = "16",
       .help = "levels of the tree"},
      limit_option(0, "", "at most N references; with -r at most N of each object, else 20"),
      skip_option("references"),
      {.long_name = "internal", .help = "also the objects of V8 in between, and hidden classes"},
  };
  for (auto& option : reachability_options()) spec.options.push_back(std::move(option));
  return std::make_unique<FindRefs>(std::move(spec));
}

}  // namespace inquest::commands
