#include "cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "commands/runner.h"
#include "commands/text_escape.h"

namespace inquest::cli {
namespace {

volatile std::sig_atomic_t interrupt_seen = 0;

/// True when all of `text` has been written; errno says why not.
bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR && !interrupted()) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

constexpr const char* kRed = "\033[31m";
constexpr const char* kMagenta = "\033[35m";
constexpr const char* kPlain = "\033[0m";

}  // namespace

Terminal::Terminal(bool no_color, bool quiet)
    : quiet_(quiet),
      is_terminal_(::isatty(STDERR_FILENO) == 1),
      progress_line_([](std::string_view text) { write_all(STDERR_FILENO, text); }) {
  color_ = is_terminal_ && !no_color && std::getenv("NO_COLOR") == nullptr;
}

void Terminal::show(const Error& error) {
  clear_progress();
  std::string label = color_ ? fmt::format("{}error:{}", kRed, kPlain) : "error:";
  write_all(STDERR_FILENO, fmt::format("inquest: {} {}\n", label, commands::escape_text(error.line())));
}

void Terminal::show(std::span<const commands::Note> notes) {
  clear_progress();
  for (const commands::Note& note : notes) {
    bool info = note.severity == commands::Note::Severity::kInfo;
    if ((info && quiet_) || std::ranges::count(shown_, note) > 0) continue;
    shown_.push_back(note);
    std::string line = commands::note_line(note);
    if (color_ && !info) line = kMagenta + line.substr(0, line.find(' ')) + kPlain + line.substr(line.find(' '));
    write_all(STDERR_FILENO, line + "\n");
  }
}

void Terminal::tell(std::string_view line) {
  if (!quiet_) write_all(STDERR_FILENO, commands::escape_text(line) + "\n");
}

v8::Progress Terminal::progress() {
  return [this](std::string_view what, uint64_t done, uint64_t total) {
    if (is_terminal_) progress_line_.update(what, done, total);
    return !interrupted();
  };
}

commands::Output::Sink Terminal::standard_output(std::optional<Error>& failed) {
  return [this, &failed](std::string_view block) {
    clear_progress();
    if (interrupted()) return false;
    if (write_all(STDOUT_FILENO, block)) return true;
    if (errno != EPIPE && !interrupted()) {
      failed = unusable(fmt::format("cannot write the answer: {}", std::strerror(errno)));
    }
    return false;
  };
}

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupt_seen = 1; };
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
}

bool interrupted() { return interrupt_seen != 0; }

}  // namespace inquest::cli
