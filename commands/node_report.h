// A diagnostic report of Node.js (process.report, doc/api/report.md) of a dead process: the same fields, as far as a
// core tells them.
#pragma once

#include <array>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "commands/node_facts.h"
#include "commands/session.h"

namespace inquest::commands {

/// V8's spaces, in the order of v8::Isolate::GetHeapSpaceStatistics (AllocationSpace, src/common/globals.h).
constexpr std::array<std::string_view, 14> kReportSpaces = {"read_only_space",
                                                            "new_space",
                                                            "old_space",
                                                            "code_space",
                                                            "map_space",
                                                            "shared_space",
                                                            "trusted_space",
                                                            "shared_trusted_space",
                                                            "new_large_object_space",
                                                            "large_object_space",
                                                            "code_large_object_space",
                                                            "shared_large_object_space",
                                                            "shared_trusted_large_object_space",
                                                            "trusted_large_object_space"};

/// What a report tells about one thread that ran JavaScript.
struct ThreadReport {
  struct Call {
    Address pc;
    std::string symbol;
  };
  std::vector<Call> native_stack;
  std::string message;                        ///< of the uncaught error, or the signal, or that nothing ran
  std::vector<std::string> javascript_stack;  ///< "at f (file:1:2)"
  std::vector<std::pair<std::string, std::string>> error_properties;
  std::optional<CpuTime> cpu_time;
};

struct NodeReport {
  NodeFacts facts;
  ThreadReport main;
  std::vector<ThreadReport> workers;  ///< as NodeFacts::workers
  std::string c_library;              ///< version of glibc; empty when unknown
  std::string system_release, system_version;
  std::vector<std::string> libraries;  ///< as the dynamic linker names them, in its order
  /// Of the keys that not every version writes those that the program has among its constants.
  std::set<std::string, std::less<>> keys;
  bool environment = false;  ///< with values
};

/// The stacks of all threads that ran JavaScript, the error the process died of, and what else of a report is in the
/// core. What is missing is said in `report`.
Result<NodeReport> make_node_report(Session& session, v8::Runtime& runtime, NodeFacts facts, v8::Reachability which,
                                    Report& report);

/// As text: the JSON of the report alone. With --json: its members beside those of every answer.
std::unique_ptr<const ReportBody> make_node_report_body(NodeReport report, const Target& target, v8::Runtime& runtime);

}  // namespace inquest::commands
