#include "plugin/lldb_expression.h"

#include <fmt/format.h>

#include <regex>
#include <string_view>

#include "commands/text_escape.h"
#include "plugin/plain_expression.h"

namespace inquest::plugin {
namespace {

constexpr uint32_t kTimeout = 5'000'000;  ///< microseconds

/// LLDB shows the place in the expression in further lines: "error: <user expression 0>:1:1: use of undeclared ...".
std::string first_line(const char* text) {
  std::string_view rest = text != nullptr ? text : "";
  rest = rest.substr(0, rest.find('\n'));
  static const std::regex kPrefix("^(error: )*(<user expression [0-9]+>(:[0-9]+)*: )?(error: )*");
  std::string line = std::regex_replace(std::string(rest), kPrefix, "");
  return line.empty() ? "it has no value" : line;
}

bool is_number(lldb::SBType type) {
  uint32_t flags = type.GetTypeFlags();
  bool whole = (flags & (lldb::eTypeIsInteger | lldb::eTypeIsPointer | lldb::eTypeIsEnumeration)) != 0;
  return whole && (flags & lldb::eTypeIsFloat) == 0;
}

}  // namespace

Result<uint64_t> evaluate_in(lldb::SBDebugger debugger, const std::string& expression) {
  lldb::SBExpressionOptions options;
  options.SetAllowJIT(false);
  options.SetIgnoreBreakpoints(true);
  options.SetAutoApplyFixIts(false);  // of "0x1 0x2" it would make the second word
  options.SetTryAllThreads(false);
  options.SetTimeoutInMicroSeconds(kTimeout);
  options.SetFetchDynamicValue(lldb::eNoDynamicValues);
  options.SetSuppressPersistentResult(true);
  options.SetLanguage(lldb::eLanguageTypeC_plus_plus);
  lldb::SBTarget target = debugger.GetSelectedTarget();
  lldb::SBFrame frame = target.GetProcess().GetSelectedThread().GetSelectedFrame();
  auto refused = [&](const std::string& why) {
    return usage_error(
        fmt::format("'{}' is no address, and LLDB cannot evaluate it: {}", commands::escape_text(expression), why));
  };
  if (!target.GetProcess().GetCoreFile().IsValid()) {
    auto number = evaluate_by_looking(target, frame, expression);
    if (number) return number;
    return usage_error(
        fmt::format("'{}' is no address, and cannot be evaluated without running code in the process: {}",
                    commands::escape_text(expression), commands::escape_text(number.error().what)));
  }
  lldb::SBValue value = frame.IsValid() ? frame.EvaluateExpression(expression.c_str(), options)
                                        : target.EvaluateExpression(expression.c_str(), options);
  lldb::SBError error = value.GetError();
  if (!value.IsValid() || error.Fail()) return refused(first_line(error.GetCString()));
  lldb::SBType type = value.GetType().GetCanonicalType();
  if (!is_number(type)) {
    std::string name = type.GetName() != nullptr ? type.GetName() : "a value without a type";
    return refused(fmt::format("it is of type {}, neither a pointer nor a whole number", name));
  }
  uint64_t number = value.GetValueAsUnsigned(error);
  if (error.Fail()) return refused(first_line(error.GetCString()));
  return number;
}

}  // namespace inquest::plugin
