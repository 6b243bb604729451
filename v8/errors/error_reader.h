// Reading Error objects (JSError): name, message, and the stack that was captured when they were made.
//
// The stack is an own property under a private symbol (error_stack_symbol, until 9.x stack_trace_symbol). Its value is
// the formatted string once the program has asked for it; before, an array of the calls, in one of four shapes:
// * until 8.x: StackTraceFrame objects, which point into a common FrameArray: a count, then receiver, function, code,
//   offset, flags, parameters of each call (src/objects/frame-array.h of that time);
// * 9.x: StackFrameInfo; 10.x to 14.1: CallSiteInfo (src/objects/call-site-info.tq), each with these fields;
// * from 14.2 on: six words in a row for each call: code (in a wrapper), receiver, function, offset, parameters, flags.
// With an inspector, ErrorStackData stands between. Code is nearly always a BytecodeArray, also for optimised calls.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "v8/errors/error_report.h"
#include "v8/frames/stack_line.h"

namespace inquest::v8 {

class ErrorReader {
 public:
  ErrorReader(const SourcePositions& positions, const StackLines& names, uint32_t isolate);

  /// Whether objects with this map are Error objects.
  bool is_error(const MapInfo& map) const { return map.type == error_type_; }
  /// Everything but `young` and `uncaught`.
  ErrorObject read(uint64_t word) const;

  /// The calls of an array under the stack's symbol; empty when it has none of the known shapes.
  std::vector<StackLine> call_sites(uint64_t array) const;

 private:
  struct Fields {
    uint64_t receiver = 0, function = 0, code = 0, offset = 0, flags = 0;
  };
  uint64_t root(std::string_view name) const { return objects_.heap().root(name, isolate_); }
  std::string text_property(uint64_t object, uint64_t key) const;
  bool has_type(uint64_t word, std::string_view name) const;
  bool is_code(uint64_t word) const;
  std::vector<uint64_t> elements(uint64_t array) const;
  std::vector<Fields> calls(uint64_t array) const;
  StackLine call_site(const Fields& fields) const;

  const SourcePositions& positions_;
  const StackLines& names_;
  const ObjectReader& objects_;
  uint32_t isolate_;
  ConstructorNames classes_;
  uint16_t error_type_ = 0xffff;
  uint64_t stack_symbol_, name_string_, message_string_;
};

}  // namespace inquest::v8
