#include "commands/output.h"

#include <array>
#include <charconv>

namespace inquest::commands {

void Output::append_number(uint64_t number, size_t width) {
  fmt::format_int digits(number);
  append(std::string_view(digits.data(), digits.size()));
  for (size_t i = digits.size(); i < width; ++i) append(' ');
}

void Output::append_hex(uint64_t number) {
  std::array<char, 18> digits = {'0', 'x'};
  char* end = std::to_chars(digits.data() + 2, digits.data() + digits.size(), number, 16).ptr;
  append(std::string_view(digits.data(), end));
}

/// Of a size of its own: handed on as it is.
void Output::append_block(std::string_view text) {
  flush();
  if (ok_) ok_ = sink_(text);
}

void Output::flush() {
  if (ok_ && !buffer_.empty()) ok_ = sink_(buffer_);
  buffer_.clear();
}

}  // namespace inquest::commands
