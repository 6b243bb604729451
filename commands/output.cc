#include "commands/output.h"

namespace inquest::commands {

void Output::append_number(uint64_t number, size_t width) {
  fmt::format_int digits(number);
  append(std::string_view(digits.data(), digits.size()));
  for (size_t i = digits.size(); i < width; ++i) append(' ');
}

void Output::flush() {
  if (ok_ && !buffer_.empty()) ok_ = sink_(buffer_);
  buffer_.clear();
}

}  // namespace inquest::commands
