// The lines of a file or of the standard input, in pieces that end where a stack ends, so that input of any length is
// worked on in constant memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "commands/backtrace_file/format.h"
#include "postmortem/model/result.h"

namespace inquest::commands::backtrace_file {

struct Line {
  std::string_view text;  ///< without its line end
  bool has_end = true;    ///< false: the last line of the file, or a piece of one too long to be looked at
  bool too_long = false;  ///< a piece of a line longer than any block
  uint32_t first_frame = 0;
  uint32_t frame_count = 0;
  LineMeaning meaning;
};

/// Some whole stacks. The texts live until the next block is read.
struct Block {
  std::vector<Line> lines;
  std::vector<FrameLine> frames;

  void clear() {
    lines.clear();
    frames.clear();
  }
};

class Input {
 public:
  Input() = default;
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  /// "-" is the standard input. Reads the first part of it.
  std::optional<Error> open(const std::string& path);
  const std::string& name() const { return name_; }
  /// What the file begins with, whole lines as far as there are some.
  std::string_view sample() const;
  /// Looks at more of the file; false when that is all, or enough to tell that it is something else.
  bool grow_sample();

  void set_format(const Format& format) { format_ = &format; }
  /// False at the end. A read error ends the input; `failure` tells it.
  bool next(Block& block);
  const std::string& failure() const { return failure_; }

 private:
  void fill(size_t wanted);
  bool take_lines(Block& block);

  std::string name_;
  int descriptor_ = -1;
  bool at_end_ = false;
  bool inside_long_line_ = false;
  std::string failure_;
  std::string buffer_;
  size_t sample_size_ = 0;
  size_t consumed_ = 0;  ///< bytes at the start of the buffer that the last block was made of
  const Format* format_ = nullptr;
  ParseState state_;
};

}  // namespace inquest::commands::backtrace_file
