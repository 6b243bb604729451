// Lines of Error.stack: a call, its name and its place, among them the async ones and Promise.all.
//
// Upstream: SerializeJSStackFrame (src/objects/call-site-info.cc; until 9.x src/execution/messages.cc).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "v8/frames/call_site_names.h"
#include "v8/frames/source_position.h"

namespace inquest::v8 {

struct StackLine {
  CallSite site;
  std::string_view combinator = {};  ///< "all": this is Promise.all, its `index` counts and the function does not
  int32_t index = 0;                 ///< of the promise
  std::optional<int32_t> source_offset = {};
};

class StackLines {
 public:
  explicit StackLines(const SourcePositions& positions);

  /// Everything behind "at ": "async Store.load (file.js:1:2)".
  std::string text(const StackLine& line) const;
  /// The same without the place and without "async ": "Store.load", "Promise.all (index 1)"; "" for nameless functions.
  std::string call(const StackLine& line) const;
  SourcePlace place(const StackLine& line) const;
  /// JSFunction::GetDebugName.
  std::string function_name(uint64_t function) const;

 private:
  const SourcePositions& positions_;
  CallSiteNames names_;
};

}  // namespace inquest::v8
