// C++ names of the linker ("_ZN2ns3fooIiEEvi") as people write them ("void ns::foo<int>(int)"), and those of Rust.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace inquest {

/// As `addr2line -C` prints it (Rust's names without their hash); nothing when it is no C++ or Rust name, is damaged,
/// or would become absurdly long. Thread-safe.
std::optional<std::string> demangle(std::string_view name);
/// The same into `demangled`, whose memory is used again; false: it is empty.
bool demangle(std::string_view name, std::string* demangled);

/// The function alone, without return type, parameters, qualifiers and "[clone .cold]": "ns::foo<int>" of
/// "void ns::foo<int>(int) const". A view into `demangled`; the whole where it does not look like a function.
std::string_view without_parameters(std::string_view demangled);

}  // namespace inquest
