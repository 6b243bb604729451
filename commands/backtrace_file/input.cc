#include "commands/backtrace_file/input.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace inquest::commands::backtrace_file {
namespace {

/// Large enough that most sampled addresses repeat within a block and are looked up once.
constexpr size_t kBlock = 8 << 20;
/// A single stack of 40,000 frames has about 4 MB; beyond this one it is cut in pieces.
constexpr size_t kLargestBlock = 64 << 20;
constexpr size_t kSample = 256 << 10;

}  // namespace

Input::~Input() {
  if (descriptor_ > STDERR_FILENO) close(descriptor_);
}

std::optional<Error> Input::open(const std::string& path) {
  bool standard = path == "-";
  name_ = standard ? "the standard input" : path;
  descriptor_ = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const char* hint = "give a file of backtraces, or - for the standard input";
  if (descriptor_ < 0) return unusable("cannot open " + name_ + " for reading: " + std::strerror(errno), hint);
  sample_size_ = kSample;
  fill(sample_size_);
  if (failure_ == std::strerror(EISDIR)) return unusable(name_ + " is a directory, not a file of backtraces", hint);
  if (!failure_.empty()) return unusable("cannot read " + name_ + ": " + failure_, hint);
  return std::nullopt;
}

std::string_view Input::sample() const {
  std::string_view sample = std::string_view(buffer_).substr(0, sample_size_);
  size_t end = sample.rfind('\n');
  bool whole = at_end_ && sample.size() == buffer_.size();
  return whole || end == std::string_view::npos ? sample : sample.substr(0, end + 1);
}

bool Input::grow_sample() {
  if (sample_size_ >= kBlock || buffer_.size() < sample_size_) return false;
  sample_size_ = kBlock;
  fill(sample_size_);
  return true;
}

/// Reads until the buffer holds `wanted` bytes or the input ends. In steps: room for 8 MB would be cleared first.
void Input::fill(size_t wanted) {
  while (!at_end_ && buffer_.size() < wanted) {
    size_t had = buffer_.size(), part = std::min(wanted - had, kSample);
    buffer_.resize(had + part);
    ssize_t got = read(descriptor_, buffer_.data() + had, part);
    int error = errno;
    buffer_.resize(had + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && error == EINTR) continue;
    if (got < 0) failure_ = std::strerror(error);
    if (got <= 0) at_end_ = true;
  }
}

bool Input::next(Block& block) {
  buffer_.erase(0, consumed_);
  consumed_ = 0;
  for (size_t wanted = kBlock; wanted <= kLargestBlock; wanted *= 2) {
    fill(wanted);
    if (buffer_.empty()) return false;
    if (take_lines(block)) return true;
  }
  // No stack ends in here, perhaps not even a line: hand on what there is.
  size_t end = buffer_.rfind('\n');
  if (end == std::string::npos) end = buffer_.size() - 1;
  block.clear();
  Line piece;
  piece.has_end = false;
  piece.too_long = true;
  piece.text = std::string_view(buffer_).substr(0, end + 1);
  inside_long_line_ = piece.text.back() != '\n';
  block.lines.push_back(piece);
  consumed_ = end + 1;
  return true;
}

/// Parses lines up to the last place where a stack ends; false when there is none and more may come.
bool Input::take_lines(Block& block) {
  block.clear();
  auto line_count = static_cast<size_t>(std::ranges::count(buffer_, '\n')) + 1;
  block.lines.reserve(line_count);
  block.frames.reserve(line_count);
  ParseState state = state_;
  size_t lines_done = 0, frames_done = 0, bytes_done = 0;
  std::string_view rest = buffer_;
  bool inside_long = inside_long_line_;
  while (!rest.empty()) {
    size_t end = rest.find('\n');
    if (end == std::string_view::npos && !at_end_) break;
    Line line;
    line.has_end = end != std::string_view::npos;
    line.text = rest.substr(0, end);
    line.first_frame = static_cast<uint32_t>(block.frames.size());
    ParseState before = state;
    line.too_long = inside_long;
    if (!inside_long) line.meaning = format_->parse(line.text, state, block.frames);
    inside_long = false;
    line.frame_count = static_cast<uint32_t>(block.frames.size()) - line.first_frame;
    if (line.meaning.begins_stack && !block.lines.empty()) {
      lines_done = block.lines.size();
      frames_done = line.first_frame;
      bytes_done = static_cast<size_t>(rest.data() - buffer_.data());
      state_ = before;
    }
    block.lines.push_back(line);
    rest.remove_prefix(line.has_end ? end + 1 : rest.size());
    if (line.meaning.ends_stack || (rest.empty() && at_end_)) {
      lines_done = block.lines.size();
      frames_done = block.frames.size();
      bytes_done = static_cast<size_t>(rest.data() - buffer_.data());
      state_ = state;
    }
  }
  if (lines_done == 0) return false;
  block.lines.resize(lines_done);
  block.frames.resize(frames_done);
  consumed_ = bytes_done;
  inside_long_line_ = false;
  return true;
}

}  // namespace inquest::commands::backtrace_file
