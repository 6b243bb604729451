#include "commands/output.h"

namespace inquest::commands {

void Output::flush() {
  if (ok_ && !buffer_.empty()) ok_ = sink_(buffer_);
  buffer_.clear();
}

}  // namespace inquest::commands
