#include "commands/member_path.h"

#include <fmt/format.h>

namespace inquest::commands {
namespace {

class PathParser {
 public:
  explicit PathParser(std::string_view text) : text_(text) {}

  Result<std::vector<std::string>> parse() {
    while (at_ < text_.size()) {
      if (text_[at_] == '[') {
        if (!bracket()) return mistake();
        continue;
      }
      if (text_[at_] == '.') {
        // A dot separates; one in front of everything is let pass.
        if (++at_ == text_.size()) return mistake();
      }
      size_t end = std::min(text_.find_first_of(".[", at_), text_.size());
      if (end == at_) return mistake();
      names_.emplace_back(text_.substr(at_, end - at_));
      at_ = end;
    }
    return names_;
  }

 private:
  bool bracket() {
    ++at_;
    if (at_ >= text_.size()) return false;
    char quote = text_[at_];
    std::string name;
    if (quote == '\'' || quote == '"') {
      for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
        if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
        name += text_[at_];
      }
      if (at_ >= text_.size()) return false;
      ++at_;
    } else {
      size_t end = std::min(text_.find(']', at_), text_.size());
      name = text_.substr(at_, end - at_);
      at_ = end;
      if (name.empty()) return false;
    }
    if (at_ >= text_.size() || text_[at_] != ']') return false;
    ++at_;
    names_.push_back(std::move(name));
    return true;
  }

  Error mistake() const {
    return usage_error(fmt::format("--path '{}' makes no sense at character {}", text_, at_ + 1), "write a.b[3].c");
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<std::string> names_;
};

}  // namespace

Result<std::vector<std::string>> parse_member_path(std::string_view text) { return PathParser(text).parse(); }

}  // namespace inquest::commands
