// `v8 inspect EXPR` and `v8 print EXPR`: one value, with or without its members.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/expression.h"
#include "commands/inspect_options.h"
#include "commands/member_path.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"
#include "commands/value_json.h"
#include "commands/value_text.h"

namespace inquest::commands {
namespace {

class ValueBody : public ReportBody {
 public:
  explicit ValueBody(v8::Value value) : value_(std::move(value)) {}
  void write_text(Output& output) const override {
    output.print("{}\n", escape_text(value_text(value_), LineBreaks::kKeep));
  }
  void write_json(JsonWriter& json) const override { write_value(json, value_); }

 private:
  v8::Value value_;
};

class DumpBody : public ReportBody {
 public:
  DumpBody(std::string file, uint64_t size) : file_(std::move(file)), size_(size) {}
  void write_text(Output& output) const override {
    output.print("{} bytes written to {}\n", size_, escape_text(file_));
  }
  void write_json(JsonWriter& json) const override {
    json.field("file", file_);
    json.field("bytes", size_);
  }

 private:
  std::string file_;
  uint64_t size_;
};

/// Something of the tree that could not be read; it is said once.
const std::string* first_remark(const v8::Value& value) {
  if (!value.remark.empty()) return &value.remark;
  for (const v8::NamedValue& member : value.properties) {
    if (const std::string* remark = first_remark(member.value)) return remark;
  }
  for (const v8::Entry& entry : value.elements) {
    if (const std::string* remark = first_remark(entry.value)) return remark;
  }
  return nullptr;
}

class InspectValue : public Command {
 public:
  InspectValue(CommandSpec spec, bool with_members) : Command(std::move(spec)), with_members_(with_members) {}

  Result<Report> run(Session& session, const Args& args) const override {
    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    auto expression = evaluate(session, args.word(0), [&](uint64_t value) {
      bool smi = value != 0 && (value & 0xffffffffu) == 0;  // numbers are values too
      return smi || is_object(**runtime, value);
    });
    if (!expression) return std::move(expression).error();
    std::vector<std::string> path;
    if (auto text = args.value("path")) {
      auto parsed = parse_member_path(*text);
      if (!parsed) return std::move(parsed).error();
      path = std::move(*parsed);
    }
    auto value = (*runtime)->inspect(expression->value, path, options_of(args));
    if (!value) return std::move(value).error();
    if (auto file = args.value("dump")) return dump(**runtime, *value, *file);

    Report report;
    if (!expression->note.empty()) report.note(expression->note);
    if (value->kind == v8::ValueKind::kUnreadable) {
      report.incomplete = true;
      report.warn(value->remark);
    } else if (const std::string* remark = first_remark(*value)) {
      report.incomplete = true;
      report.warn(*remark);
    }
    ValueNumbers numbers(session, args.json());
    numbers.add(value->address.value());
    numbers.tell(report);
    report.body = std::make_unique<ValueBody>(std::move(value).value());
    return report;
  }

 private:
  v8::InspectOptions options_of(const Args& args) const {
    uint32_t depth = with_members_ ? 1 : 0;
    if (auto given = args.number("depth")) depth = static_cast<uint32_t>(std::min<uint64_t>(*given, 1000));
    return inspect_options(args, depth);
  }

  static Result<Report> dump(v8::Runtime& runtime, const v8::Value& value, const std::string& file) {
    auto bytes = runtime.bytes(value.address.value());
    if (!bytes) {
      return incomplete(
          fmt::format("the {} has no bytes to be written, or they are not in the core", to_string(value.kind)),
          "--dump takes strings, ArrayBuffers, typed arrays and DataViews");
    }
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out.write(bytes->data(), static_cast<std::streamsize>(bytes->size()));
    out.close();
    if (!out) return unusable(fmt::format("cannot write {}", file));
    Report report;
    report.body = std::make_unique<DumpBody>(file, bytes->size());
    return report;
  }

  bool with_members_;
};

std::vector<OptionSpec> value_options() {
  using Kind = OptionSpec::Kind;
  std::vector<OptionSpec> options = length_options();
  options.push_back({.long_name = "path",
                     .kind = Kind::kText,
                     .value_name = "PATH",
                     .help = "what a.b[3].c leads to; keys of a Map and internal names count as members"});
  options.push_back({.long_name = "dump",
                     .kind = Kind::kFile,
                     .value_name = "FILE",
                     .help = "write the bytes of a string or buffer to FILE"});
  return options;
}

}  // namespace

std::unique_ptr<const Command> make_v8_inspect() {
  using Kind = OptionSpec::Kind;
  CommandSpec spec{
      .name = {"v8", "inspect"},
      .summary = "everything in one value",
      .description =
          "Properties, elements, entries of Maps and Sets, and what JavaScript itself cannot see: the result of a "
          "promise, the target of a proxy, the variables of a closure, the C++ class behind an object.\n\n"
          "With --depth the members' members are shown too; an object inside itself is marked as a cycle.\n\n" +
          expression_help("EXPR"),
      .positionals = {{.name = "EXPR", .help = "address of a value, or $N", .joins_rest = true}},
      .examples = {{"v8 inspect 0x2e41b0f20031", "one level"},
                   {"v8 inspect --depth 3 --path sessions[0].user 0x2e41b0f20031", "a member, and what it holds"},
                   {"v8 inspect --dump body.bin 0x2e41b0f20031", "the content of a Buffer"}},
      .aliases = {"jsprint"},
      .short_name = "i",
      .llnode_usage = "v8 inspect [flags] expr",
  };
  spec.options = {
      {.long_name = "depth",
       .kind = Kind::kNumber,
       .value_name = "N",
       .default_value = "1",
       .help = "levels of members"},
  };
  for (OptionSpec& option : detail_options()) spec.options.push_back(std::move(option));
  for (OptionSpec& option : value_options()) spec.options.push_back(std::move(option));
  return std::make_unique<InspectValue>(std::move(spec), true);
}

std::unique_ptr<const Command> make_v8_print() {
  CommandSpec spec{
      .name = {"v8", "print"},
      .summary = "one value in one line",
      .description =
          "What it is and, where that fits, what it holds: the text of a string, the length of an array, the state of "
          "a promise. `v8 inspect` shows the members.\n\n" +
          expression_help("EXPR"),
      .positionals = {{.name = "EXPR", .help = "address of a value, or $N", .joins_rest = true}},
      .examples = {{"v8 print 0x2e41b0f20031", "what it is"}, {"v8 print $3", "the third value of this session"}},
      .llnode_usage = "v8 print expr",
  };
  spec.options = value_options();
  return std::make_unique<InspectValue>(std::move(spec), false);
}

}  // namespace inquest::commands
