// Rewrites backtraces with the functions and lines that debug information gives for their addresses.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "commands/backtrace_file/input.h"
#include "commands/backtrace_file/process_map.h"
#include "commands/report.h"

namespace inquest::commands::backtrace_file {

enum class Names : uint8_t {
  kFormat,   ///< as the input's format has them
  kLinkage,  ///< as the symbol table has them
  kShort,    ///< demangled, without parameter types
  kFull,     ///< demangled with parameter types, as addr2line -C
};

struct RewriteOptions {
  bool every_line = false;  ///< rewrite every known frame with its file and line, not only those with inlined functions
  bool folded = false;
  bool columns = false;
  bool full_paths = false;
  Names names = Names::kFormat;
};

/// The distinct addresses of a block that lie in one object.
struct Batch {
  std::vector<uint64_t> addresses;
  std::unordered_map<uint64_t, uint32_t> slots;  ///< by address
  CodeLocations locations;
  std::vector<bool> has_line;  ///< by slot: the file and line of at least one location is known
};

/// The answer, which is found while it is written: input of any length passes through in blocks.
class Rewriter : public ReportBody {
 public:
  Rewriter(std::unique_ptr<Input> input, const Format& format, std::unique_ptr<Session> core,
           std::unique_ptr<ProcessMap> map, RewriteOptions options);

  void write_text(Output& output) const override { const_cast<Rewriter*>(this)->run_text(output); }
  void write_json(JsonWriter& json) const override { const_cast<Rewriter*>(this)->run_json(json); }
  bool works_while_writing() const override { return true; }
  void add_late_notes(Report& report) const override;

 private:
  /// What became of a frame of the block.
  struct Found {
    const CodeLocation* first = nullptr;  ///< innermost
    uint32_t count = 0;
    bool has_line = false;  ///< the file and line of at least one of them is known
    bool listed = false;    ///< the input lists these inlined functions already, this frame is one of them
    bool dropped = false;   ///< an inlined function that the frame it belongs to brings along
    uint32_t slot = 0;      ///< which address of the batch
    Batch* batch = nullptr;
  };

  void run_text(Output& output);
  void run_json(JsonWriter& json);
  template <class Visit>
  void for_each_stack(const Visit& visit);

  void resolve_block();
  void place_block();
  void look_up_batches();
  void settle_inlined();

  void write_lines(Output& output, size_t begin, size_t end);
  void write_all_lines(Output& output);
  void write_line(Output& output, const Line& line);
  void write_frame(Output& output, const FrameLine& frame, const Found& found);
  void write_folded(Output& output, size_t first_line, size_t end_line, const LineMeaning& end);
  void write_folded_line(Output& output, const Line& line);
  void write_folded_names(Output& output, const FrameLine& frame, const Found& found);
  void write_json_frame(JsonWriter& json, size_t frame, uint64_t& index);
  bool is_rewritten(const FrameLine& frame, const Found& found) const;

  std::string_view name_of(const CodeLocation& location);
  void append_name(Output& output, const CodeLocation& location);
  void append_place(Output& output, const CodeLocation& location, const FrameLine* frame);

  std::unique_ptr<Input> input_;
  const Format& format_;
  std::unique_ptr<Session> core_;
  std::unique_ptr<ProcessMap> map_;
  RewriteOptions options_;

  Block block_;
  std::vector<Found> found_;
  std::unordered_map<Object*, Batch> batches_;
  std::unordered_map<std::string_view, std::string> demangled_;
  uint64_t long_lines_ = 0;
};

}  // namespace inquest::commands::backtrace_file
