// Writes JSON as it goes, so that large arrays are never held as a tree. Commas and quoting are its business; closing
// what was opened, and giving every member of an object a key, is the caller's.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "commands/output.h"
#include "postmortem/model/address.h"

namespace inquest::commands {

class JsonWriter {
 public:
  explicit JsonWriter(Output& output) : output_(output) {}

  void begin_object() { separate(), open('{', false); }
  void begin_object(std::string_view key) { name(key), open('{', false); }
  void end_object() { close('}'); }

  void begin_array(std::string_view key) { name(key), open('[', false); }
  /// An array with each element on a line of its own: for rows.
  void begin_rows(std::string_view key) { name(key), open('[', true); }
  /// A writer of further elements of the array of rows that another one has begun; the first of all comes without a
  /// comma. They are told to that other one by add_rows().
  static JsonWriter of_rows(Output& output, bool is_first);
  /// For each part of the rows that such writers write, in order.
  Output& add_rows() { return levels_.back().empty = false, output_; }
  void end_array() { close(']'); }

  template <class Value>
  void field(std::string_view key, const Value& value) {
    name(key);
    write(value);
  }
  /// A member that is left out when it is not known, as the contract allows for every field.
  void field_if_known(std::string_view key, std::string_view value) {
    if (!value.empty()) field(key, value);
  }
  template <class Value>
  void element(const Value& value) {
    separate();
    write(value);
  }

  /// A member whose value is JSON already.
  void raw_field(std::string_view key, std::string_view json) { name(key), output_.append(json); }

  /// False when nobody reads any more.
  bool ok() const { return output_.ok(); }

 private:
  struct Level {
    bool empty = true;
    bool lines = false;
  };

  void open(char bracket, bool lines);
  void close(char bracket);
  /// What stands before a member: the comma, if one is needed, and the key.
  void name(std::string_view key);
  /// What stands before an element.
  void separate();

  void write(std::string_view text);
  void write(const std::string& text) { write(std::string_view(text)); }
  void write(const char* text) { write(std::string_view(text)); }
  void write(Address address) { output_.print("\"{:#x}\"", address.value()); }
  void write(bool value) { output_.append(value ? "true" : "false"); }
  template <class Integer>
  requires(std::integral<Integer> && !std::same_as<Integer, bool>) void write(Integer value) {
    fmt::format_int digits(value);
    output_.append(std::string_view(digits.data(), digits.size()));
  }

  Output& output_;
  std::vector<Level> levels_;
  std::string scratch_;
};

}  // namespace inquest::commands
