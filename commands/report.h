// The answer of a command: what it found, remarks about it, and whether something is missing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/json_writer.h"
#include "commands/output.h"

namespace inquest::commands {

struct Note {
  enum class Severity : uint8_t { kInfo, kWarning, kError };
  Severity severity = Severity::kInfo;
  std::string text;  ///< a whole sentence for the user

  bool operator==(const Note&) const = default;
};

inline std::string_view to_string(Note::Severity severity) {
  switch (severity) {
    case Note::Severity::kInfo: return "info";
    case Note::Severity::kWarning: return "warning";
    case Note::Severity::kError: return "error";
  }
  return "error";
}

struct Report;

/// The finding itself, as rows or facts. It is written after `run` has returned, while its session still exists.
/// Writers stop when the output says that nobody reads any more.
class ReportBody {
 public:
  virtual ~ReportBody() = default;
  virtual void write_text(Output& output) const = 0;
  /// Members of the command's JSON object; the envelope (schema, command, notes) is written by the caller.
  virtual void write_json(JsonWriter& json) const = 0;
  /// For a body that finds its answer while it writes (a stream longer than memory): what it learned on the way is
  /// asked for after writing.
  virtual bool works_while_writing() const { return false; }
  /// False for a body whose destructor does more than give memory back (stops what it started).
  virtual bool is_only_memory() const { return true; }
  /// For a stream of events: its JSON is one object per line, without an envelope, and notes are shown as for text.
  virtual bool writes_lines() const { return false; }
  virtual void write_json_lines(Output& /*output*/) const {}
  virtual void add_late_notes(Report& /*report*/) const {}
};

struct Report {
  std::unique_ptr<const ReportBody> body;
  std::vector<Note> notes;
  bool incomplete = false;  ///< part of the answer is missing, the notes say what (exit status 1)

  void note(std::string text) { notes.push_back({Note::Severity::kInfo, std::move(text)}); }
  void warn(std::string text) { notes.push_back({Note::Severity::kWarning, std::move(text)}); }
};

}  // namespace inquest::commands
