// The v8dbg_* constants that V8 compiles into every binary for postmortem tools.
//
// Each is an `int` variable whose name says what it means, for example
//   v8dbg_class_Map__instance_type__uint16_t        offset of Map::instance_type from the untagged object start
//   v8dbg_type_JSMap__JS_MAP_TYPE                   an instance type
//   v8dbg_frametype_ExitFrame                       a frame marker
// Upstream: tools/gen-postmortem-metadata.py. The C++ type at the end of a class constant changes between versions
// ("Object", "Tagged_Object_", "Tagged_UnionOf_..."), so fields are matched by class and field name alone.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "postmortem/model/target.h"

namespace inquest::v8 {

class Constants {
 public:
  /// Reads every v8dbg_ symbol of `module`; empty when it has none.
  static Constants load(const Target& target, const Module& module);

  size_t size() const { return values_.size(); }

  /// Offset of CLASS::field from the untagged start of the object.
  std::optional<int> field(std::string_view class_name, std::string_view field) const;
  /// The instance type of a C++ class: type("JSMap"). Classes with several types give the first.
  std::optional<int> type(std::string_view class_name) const;
  /// A constant by its name after "v8dbg_".
  std::optional<int> value(std::string_view name) const;

  /// Every instance type with its class name ("FixedArray" -> 174).
  const std::map<int, std::string>& type_names() const { return type_names_; }

 private:
  std::map<std::string, int, std::less<>> values_;
  std::map<int, std::string> type_names_;
};

}  // namespace inquest::v8
