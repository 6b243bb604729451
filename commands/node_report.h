// A diagnostic report of Node.js (process.report, doc/api/report.md) of a dead process: the same fields, as far as a
// core tells them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "commands/node_facts.h"
#include "commands/session.h"

namespace inquest::commands {

struct NodeReport {
  NodeFacts facts;
  struct Call {
    Address pc;
    std::string symbol;
  };
  std::vector<Call> native_stack;
  std::string message;                        ///< of the uncaught error, or the signal
  std::vector<std::string> javascript_stack;  ///< "at f (file:1:2)"
  std::vector<std::pair<std::string, std::string>> error_properties;
  bool environment = false;  ///< with values
};

/// The stacks of the thread that died, and the error it died of.
NodeReport make_node_report(Session& session, v8::Runtime& runtime, NodeFacts facts);

/// As text: the JSON of the report alone. With --json: its members beside those of every answer.
std::unique_ptr<const ReportBody> make_node_report_body(NodeReport report, const Target& target, v8::Runtime& runtime);

}  // namespace inquest::commands
