#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "commands/session.h"
#include "commands/why_report.h"

namespace inquest::commands {
namespace {

constexpr size_t kShownFrames = 8;
constexpr uint32_t kLinesAround = 2;
constexpr size_t kMaxLineLength = 300;
constexpr uintmax_t kMaxSource = 64 << 20;

std::vector<SourceLine> read_lines(const std::string& path, uint32_t line) {
  std::vector<SourceLine> lines;
  std::error_code error;
  // A path out of a core may name anything; only plain files are read.
  if (!std::filesystem::is_regular_file(path, error) || std::filesystem::file_size(path, error) > kMaxSource)
    return lines;
  std::ifstream file(path);
  std::string text;
  for (uint32_t number = 1; number <= line + kLinesAround && std::getline(file, text); ++number) {
    if (number + kLinesAround < line) continue;
    lines.push_back({path, number, text.substr(0, kMaxLineLength), number == line});
  }
  bool reached = std::ranges::any_of(lines, &SourceLine::current);
  return reached ? lines : std::vector<SourceLine>();
}

// Of the first function of the explained frame whose source file is readable: its line with some on each side.
std::vector<SourceLine> source_lines(const WhyFindings& findings) {
  const auto& frames = findings.named.frames;
  for (size_t i = findings.explained; i < frames.size(); ++i) {
    if (frames[i].physical != frames[findings.explained].physical) break;
    const CodeLocation& location = frames[i].location;
    if (location.line == 0) continue;
    auto lines = read_lines(std::string(location.file), location.line);
    if (!lines.empty()) return lines;
  }
  return {};
}

}  // namespace

void name_frames(Session& session, WhyFindings& findings) {
  const std::vector<Frame>& all = findings.stack.frames;
  size_t explained = findings.explanation.frame;
  size_t count = std::min(all.size(), std::max(kShownFrames, std::min(explained, kShownFrames * 4) + kShownFrames / 2));
  Stack beginning;
  beginning.frames.assign(all.begin(), all.begin() + static_cast<ptrdiff_t>(count));
  findings.named = name_stack(session, *findings.thread, std::move(beginning), WithArguments::kNo);
  findings.unnamed = all.size() - count;
  // Functions that ended in a jump have frames here that the explanation does not count.
  size_t counted = 0;
  for (size_t i = 0; i < findings.named.frames.size(); ++i) {
    const NativeFrame& frame = findings.named.frames[i];
    bool first_of_frame = i == 0 || findings.named.frames[i - 1].physical != frame.physical;
    if (!first_of_frame || findings.named.physical(frame).found_by == FoundBy::kTailCall) continue;
    if (counted++ == explained) findings.explained = i;
  }
  findings.sources = source_lines(findings);
}

}  // namespace inquest::commands
