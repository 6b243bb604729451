// `v8 settings set NAME VALUE`: llnode's settings, in its words (src/settings.cc and llnode.cc of llnode 4.0.0).
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/registry.h"
#include "commands/session.h"

namespace inquest::commands {
namespace {

constexpr uint32_t kLeastPadding = 1, kMostPadding = 10;

class SettingBody : public ReportBody {
 public:
  SettingBody(std::string name, std::string value, std::string line)
      : name_(std::move(name)), value_(std::move(value)), line_(std::move(line)) {}
  void write_text(Output& output) const override { output.print("{}\n", line_); }
  void write_json(JsonWriter& json) const override {
    json.field("setting", name_);
    json.field("value", value_);
  }

 private:
  std::string name_, value_, line_;
};

class V8Settings : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    const std::string &name = args.word(1), &value = args.word(2);
    if (args.word(0) != "set") return usage_error("USAGE: v8 settings set [color|tree-padding] VALUE");
    Report report;
    if (name == "color") {
      constexpr std::array kChoices = {"always", "never", "auto"};
      if (std::ranges::count(kChoices, value) == 0) {
        return usage_error("Error: Available options are (always | never | auto)");
      }
      report.note("Answers of inquest have no colors, so that nothing changes.");
      report.body = std::make_unique<SettingBody>(name, value, fmt::format("Color set to '{}'", value));
      return report;
    }
    if (name == "tree-padding") {
      auto padding = padding_of(value);
      if (!padding) return usage_error("USAGE: v8 settings set tree-padding [1..10]");
      session.settings().tree_padding = *padding;
      report.body = std::make_unique<SettingBody>(name, fmt::format("{}", *padding),
                                                  fmt::format("Tree padding set to {}", *padding));
      return report;
    }
    return usage_error(fmt::format("there is no setting '{}'", name), "there are: color, tree-padding");
  }

 private:
  /// Numbers beyond the range become its ends, as in llnode.
  static std::optional<uint32_t> padding_of(const std::string& text) {
    int64_t number = 0;
    auto end = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
    return static_cast<uint32_t>(std::clamp<int64_t>(number, kLeastPadding, kMostPadding));
  }
};

}  // namespace

std::unique_ptr<const Command> make_v8_settings() {
  return std::make_unique<V8Settings>(CommandSpec{
      .name = {"v8", "settings"},
      .summary = "llnode's settings, for the session",
      .description =
          "`tree-padding` is how far `v8 findrefs -r` moves each level to the right, 1 to 10 columns, at first 2. "
          "`color` (always, never, auto) is taken for the sake of scripts written for llnode: answers have no colors.",
      .positionals = {{.name = "set", .help = "the word set"},
                      {.name = "NAME", .help = "color or tree-padding", .required = false},
                      {.name = "VALUE", .help = "its new value", .required = false}},
      .examples = {{"v8 settings set tree-padding 4", "wider trees"}},
      .needs_core = false,
  });
}

}  // namespace inquest::commands
