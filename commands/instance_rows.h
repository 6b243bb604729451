// A line for each instance: what it is, and what lies in the members that were asked for.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "commands/json_writer.h"
#include "commands/output.h"
#include "v8/runtime.h"

namespace inquest::commands {

struct MemberColumn {
  std::string title;  ///< as it was asked for
  v8::MemberPath path;
};

struct RowShape {
  std::string type = {};
  bool verbose = false;  ///< with members
  std::vector<MemberColumn> columns = {};
  v8::InspectOptions shown = {};  ///< of the instances themselves
};

/// Writes rows. Each thread has one of its own.
class InstanceRows {
 public:
  /// `shape` outlives the writer.
  InstanceRows(v8::Runtime& runtime, const RowShape& shape);

  /// "0x2e41b0f20031:<Object: Session> id=7, user.name="ann"", with -v its members.
  void write_text(const v8::Instance& instance, Output& output);
  void write_json(const v8::Instance& instance, JsonWriter& json);

 private:
  void write_value(uint64_t word, Output& output);
  void write_cell(const v8::Member& member, Output& output);
  void write_cell(const std::string& title, const v8::Member& member, JsonWriter& json);

  const RowShape& shape_;
  std::vector<std::string> labels_;  ///< " id=", ", user.name=": what stands before each cell
  v8::InspectOptions cells_;
  std::unique_ptr<v8::InstanceReader> reader_;
};

}  // namespace inquest::commands
