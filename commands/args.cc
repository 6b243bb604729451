#include "commands/args.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "commands/help.h"
#include "commands/words.h"

namespace inquest::commands {
namespace {

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

/// One pass over the words of a command line.
class ArgsParser {
 public:
  ArgsParser(const CommandSpec& spec, std::span<const std::string> words) : spec_(spec), words_(words) {
    options_ = spec.options;
    for (const OptionSpec& option : common_options()) options_.push_back(option);
  }

  Result<Args> parse() {
    for (const OptionSpec& option : options_) {
      if (!option.default_value.empty()) args_.defaults_[option.long_name] = option.default_value;
    }
    bool options_ended = false;
    while (next_ < words_.size()) {
      const std::string& word = words_[next_++];
      std::optional<Error> error;
      if (options_ended && !spec_.program.empty()) {
        args_.program_.push_back(word);
      } else if (options_ended || word.size() < 2 || word[0] != '-') {
        args_.words_.push_back(word);
      } else if (word == "--") {
        options_ended = true;
      } else if (word[1] == '-') {
        error = take_long(word);
      } else {
        error = take_short_cluster(word);
      }
      if (error) return *std::move(error);
      if (args_.help()) return std::move(args_);
    }
    if (auto error = check_positionals()) return *std::move(error);
    return std::move(args_);
  }

 private:
  Error mistake(std::string what) const { return usage_error(std::move(what), "usage: " + usage_line(spec_)); }

  std::optional<Error> take_long(const std::string& word) {
    size_t equals = word.find('=');
    std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    auto option = std::ranges::find(options_, name, &OptionSpec::long_name);
    if (option == options_.end()) {
      std::vector<std::string> known;
      for (const OptionSpec& candidate : options_) known.push_back(candidate.long_name);
      auto meant = nearest_word(name, known);
      return mistake(fmt::format("{}: unknown option --{}{}", spec_.full_name(), name,
                                 meant ? fmt::format(", did you mean --{}?", *meant) : ""));
    }
    if (equals == std::string::npos) return take(*option, word, std::nullopt);
    return take(*option, word.substr(0, equals), word.substr(equals + 1));
  }

  std::optional<Error> take_short_cluster(const std::string& word) {
    for (size_t i = 1; i < word.size(); ++i) {
      auto option = std::ranges::find(options_, word[i], &OptionSpec::short_name);
      if (option == options_.end()) {
        return mistake(fmt::format("{}: unknown option -{}", spec_.full_name(), word[i]));
      }
      std::string shown = {'-', word[i]};
      if (option->kind != OptionSpec::Kind::kFlag && i + 1 < word.size()) {
        return take(*option, shown, word.substr(i + 1));
      }
      if (auto error = take(*option, shown, std::nullopt)) return error;
    }
    return std::nullopt;
  }

  /// Stores `option`, written as `shown`; a value not `attached` to it is the next word.
  std::optional<Error> take(const OptionSpec& option, const std::string& shown, std::optional<std::string> attached) {
    if (option.kind == OptionSpec::Kind::kFlag) {
      if (attached) return mistake(fmt::format("{} takes no value", shown));
    } else if (!attached) {
      if (next_ == words_.size()) return mistake(fmt::format("{} needs a value {}", shown, option.value_name));
      attached = words_[next_++];
    }
    std::string value = attached.value_or("");
    if (option.kind == OptionSpec::Kind::kNumber && !parse_number(value)) {
      return mistake(fmt::format("{} needs a whole number, not '{}'", shown, value));
    }
    if (option.kind == OptionSpec::Kind::kChoice && std::ranges::count(option.choices, value) == 0) {
      return mistake(fmt::format("{} is one of {}, not '{}'", shown, fmt::join(option.choices, ", "), value));
    }
    for (const OptionSpec& other : options_) {
      bool clash = !option.excludes.empty() && other.excludes == option.excludes;
      if (clash && other.long_name != option.long_name && args_.has(other.long_name)) {
        return mistake(fmt::format("--{} and --{} exclude each other", other.long_name, option.long_name));
      }
    }
    args_.values_[option.long_name] = std::move(value);
    return std::nullopt;
  }

  std::optional<Error> check_positionals() {
    const auto& wanted = spec_.positionals;
    std::vector<std::string>& given = args_.words_;
    if (!wanted.empty() && wanted.back().joins_rest && given.size() > wanted.size()) {
      std::string joined = fmt::format("{}", fmt::join(given.begin() + (wanted.size() - 1), given.end(), " "));
      given.resize(wanted.size());
      given.back() = std::move(joined);
    }
    for (size_t i = given.size(); i < wanted.size(); ++i) {
      if (!wanted[i].required) continue;
      // Nothing behind it: scripts look for llnode's line up to its end.
      if (!spec_.llnode_usage.empty()) return usage_error("USAGE: " + spec_.llnode_usage);
      return mistake(fmt::format("{}: missing {}", spec_.full_name(), wanted[i].name));
    }
    bool repeats = !wanted.empty() && wanted.back().repeats;
    if (given.size() > wanted.size() && !repeats) {
      return mistake(fmt::format("{}: unexpected word '{}'", spec_.full_name(), given[wanted.size()]));
    }
    return std::nullopt;
  }

  const CommandSpec& spec_;
  std::span<const std::string> words_;
  std::vector<OptionSpec> options_;
  size_t next_ = 0;
  Args args_;
};

Result<Args> Args::parse(const CommandSpec& spec, std::span<const std::string> words) {
  return ArgsParser(spec, words).parse();
}

std::optional<std::string> Args::value(std::string_view option) const {
  if (auto given = values_.find(option); given != values_.end()) return given->second;
  if (auto fallback = defaults_.find(option); fallback != defaults_.end()) return fallback->second;
  return std::nullopt;
}

std::optional<uint64_t> Args::number(std::string_view option) const {
  auto text = value(option);
  return text ? parse_number(*text) : std::nullopt;
}

const std::string& Args::word(size_t index) const {
  static const std::string kNone;
  return index < words_.size() ? words_[index] : kNone;
}

}  // namespace inquest::commands
