// Names of functions as people read them.
#pragma once

#include <string>
#include <string_view>

namespace inquest::commands::backtrace_file {

/// With parameter types, as c++filt has it; a name that is not mangled as it is.
std::string demangled(std::string_view linkage_name);

}  // namespace inquest::commands::backtrace_file
