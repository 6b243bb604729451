#include "commands/progress_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

using namespace std::chrono_literals;
constexpr auto kQuiet = 1s;        ///< work shorter than this shows nothing
constexpr auto kInterval = 100ms;  ///< between two versions of the line

}  // namespace

ProgressLine::ProgressLine(std::function<void(std::string_view)> write, std::function<Clock::time_point()> now)
    : write_(std::move(write)), now_(std::move(now)) {}

void ProgressLine::update(std::string_view what, uint64_t done, uint64_t total) {
  Clock::time_point now = now_();
  if (!working_) {
    working_ = true;
    begin_ = now;
  }
  if (now - begin_ < kQuiet || now - last_ < kInterval) return;
  last_ = now;
  std::string line = escape_text(what);
  if (total > 0) {
    double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    line += fmt::format(" {:3.0f} %", 100 * share);
  }
  // Blanks over the rest of a longer line, for terminals of any kind.
  std::string padding(shown_.size() > line.size() ? shown_.size() - line.size() : 0, ' ');
  write_("\r" + line + padding);
  shown_ = std::move(line);
}

void ProgressLine::clear() {
  if (!shown_.empty()) write_("\r" + std::string(shown_.size(), ' ') + "\r");
  shown_.clear();
  working_ = false;
}

}  // namespace inquest::commands
