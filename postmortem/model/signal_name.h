// Names of Linux signals, independent of the machine inquest runs on.
#pragma once

#include <string>

namespace inquest {

/// "SIGSEGV" for 11; "signal 99" for a number without a name.
std::string signal_name(int signal);

}  // namespace inquest
