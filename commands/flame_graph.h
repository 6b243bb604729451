// Flame graphs: stacks as one SVG file, wide where much weight is. The file is complete in itself, with a few lines of
// script that zoom (click) and search (Control-F), and readable without: each box has its name, weight and share as a
// title.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "commands/command.h"
#include "commands/output.h"
#include "commands/report.h"
#include "postmortem/model/result.h"

namespace inquest::commands {

struct FlameFrame {
  enum class Kind : uint8_t { kThread, kNative, kInlined, kKernel, kJavaScript };

  std::string_view name;  ///< any bytes
  Kind kind = Kind::kNative;

  bool operator==(const FlameFrame&) const = default;
};

class FlameGraph {
 public:
  struct Labels {
    std::string title;             ///< "sample-bt of process 4711"
    std::string unit = "samples";  ///< what weights are
    uint64_t divisor = 1;          ///< weights are in `unit` when divided by this
  };

  FlameGraph() = default;
  FlameGraph(FlameGraph&&) = default;
  FlameGraph& operator=(FlameGraph&&) = default;

  /// A stack: this, then its frames, outermost first.
  void begin_stack(uint64_t weight);
  void push(FlameFrame frame);

  /// What was left out of the picture, for a note.
  struct Left {
    size_t narrow = 0;  ///< boxes too narrow to be seen
    size_t deep = 0;    ///< boxes above the highest level that is drawn
  };
  /// Always well-formed XML, without any stack too.
  Left write(Output& output, const Labels& labels) const;
  /// The same as a new file. An error when that cannot be written.
  Result<Left> write_file(const std::string& path, const Labels& labels) const;

  uint64_t total() const { return total_; }

 private:
  struct Node {
    uint32_t parent = 0;
    uint32_t name = 0;
    FlameFrame::Kind kind = FlameFrame::Kind::kNative;
    uint64_t weight = 0;
  };
  struct Box;

  std::vector<Box> boxes(Left& left) const;
  uint32_t name_of(std::string_view name);

  std::vector<Node> nodes_;  ///< parents before children
  std::unordered_map<std::string, uint32_t> names_;
  std::vector<std::string_view> texts_;              ///< of `names_`
  std::unordered_map<uint64_t, uint32_t> children_;  ///< by parent, name and kind
  uint64_t total_ = 0, weight_ = 0;
  uint32_t at_ = 0;    ///< 1 + the last box pushed; 0: none
  size_t unkept_ = 0;  ///< for which there was no memory; all of them small
};

/// "12 boxes are too narrow to be drawn", or nothing.
std::string left_out_note(const FlameGraph::Left& left);

/// The option `--svg FILE`; `help` says what is left out for it.
OptionSpec svg_option(std::string help, std::string excludes = {});

/// Writes the file and tells of it in `report`, or why it could not be written.
void write_graph(const FlameGraph& graph, const std::string& path, const FlameGraph::Labels& labels, Report& report);

}  // namespace inquest::commands
