// Which V8 and which Node.js ran.
#pragma once

#include <compare>
#include <string>

#include "postmortem/model/target.h"

namespace inquest::v8 {

struct V8Version {
  int major = 0;
  int minor = 0;
  int build = 0;
  int patch = 0;

  constexpr auto operator<=>(const V8Version&) const = default;
  bool known() const { return major != 0; }
  std::string text() const;
};

/// From v8::internal::Version::{major_,minor_,build_,patch_}; major 0 when the binary does not export them.
V8Version find_v8_version(const Target& target, const Module& module);

/// "22.23.3" from the release URL compiled into the binary, or empty.
std::string find_node_version(const Target& target, const Module& module);

}  // namespace inquest::v8
