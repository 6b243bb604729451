#include "commands/backtrace_file/names.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace inquest::commands::backtrace_file {

std::string demangled(std::string_view linkage_name) {
  std::string name(linkage_name);
  if (!name.starts_with("_Z")) return name;
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status),
                                                   &std::free);
  return text ? text.get() : name;
}

}  // namespace inquest::commands::backtrace_file
