#include "commands/backtrace_file/scan.h"

#include "commands/backtrace_file/format.h"

namespace inquest::commands::backtrace_file {
namespace {

struct Offset {
  size_t plus = 0;  ///< where the '+' stands
  uint64_t value = 0;
  uint64_t size = 0;
};

/// What stands behind the last '+' when it is an offset. The last, because names have pluses of their own
/// ("operator+", "c++config.h").
std::optional<Offset> read_offset(std::string_view text, bool decimal_too) {
  Offset offset;
  offset.plus = text.rfind('+');
  if (offset.plus == std::string_view::npos) return std::nullopt;
  Scan scan(text.substr(offset.plus + 1));
  auto value = scan.hex_0x();
  if (!value && decimal_too) value = scan.decimal();
  if (!value) return std::nullopt;
  offset.value = *value;
  if (scan.take("/")) offset.size = scan.hex_0x().value_or(0);
  if (!scan.done()) return std::nullopt;
  return offset;
}

}  // namespace

std::string_view trim(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

bool read_symbol(std::string_view text, FrameLine& frame) {
  auto offset = read_offset(text, true);
  if (offset && offset->plus > 0) {
    frame.symbol = text.substr(0, offset->plus);
    frame.symbol_offset = offset->value;
    frame.symbol_size = offset->size;
    return true;
  }
  // An address in the place of a name says nothing new.
  Scan scan(text);
  if (!scan.hex_0x() && text != "[unknown]" && text != "??" && text != "n/a") frame.symbol = text;
  return false;
}

void read_module(std::string_view text, FrameLine& frame) {
  auto offset = read_offset(text, false);
  frame.module = offset ? text.substr(0, offset->plus) : text;
  if (offset) frame.module_offset = offset->value;
}

}  // namespace inquest::commands::backtrace_file
