// Where an answer goes: collected in blocks and handed on to a front end's sink, so that a report of millions of rows
// never lies in memory as a whole.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace inquest::commands {

class Output {
 public:
  /// Takes a block of finished text; returns false when nobody reads it any more (broken pipe, interruption).
  using Sink = std::function<bool(std::string_view block)>;

  explicit Output(Sink sink) : sink_(std::move(sink)) {}
  ~Output() { flush(); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void append(std::string_view text) {
    if (text.size() >= kBlock) return append_block(text);
    buffer_.append(text);
    if (buffer_.size() >= kBlock) flush();
  }
  void append(char character) {
    buffer_.push_back(character);
    if (buffer_.size() >= kBlock) flush();
  }
  /// In decimal, with blanks behind it up to `width` characters.
  void append_number(uint64_t number, size_t width = 0);
  /// "0x2e41b0f20031".
  void append_hex(uint64_t number);

  template <class... Values>
  void print(fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(buffer_), format, std::forward<Values>(values)...);
    if (buffer_.size() >= kBlock) flush();
  }

  void flush();

  /// False once the sink has refused a block: long writers stop early then.
  bool ok() const { return ok_; }

 private:
  static constexpr size_t kBlock = 64 * 1024;

  void append_block(std::string_view text);

  Sink sink_;
  std::string buffer_;
  bool ok_ = true;
};

}  // namespace inquest::commands
