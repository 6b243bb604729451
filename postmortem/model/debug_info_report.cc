#include "postmortem/model/debug_info_report.h"

namespace inquest {

std::string_view to_string(DebugInfoReport::Status status) {
  switch (status) {
    case DebugInfoReport::Status::kFull: return "full";
    case DebugInfoReport::Status::kLineTables: return "line-tables";
    case DebugInfoReport::Status::kSplit: return "split";
    case DebugInfoReport::Status::kMiniDebugInfo: return "minidebuginfo";
    case DebugInfoReport::Status::kSymbols: return "symbols";
    case DebugInfoReport::Status::kNone: return "none";
    case DebugInfoReport::Status::kMismatch: return "mismatch";
    case DebugInfoReport::Status::kMissing: return "missing";
  }
  return "none";
}

std::string_view to_string(DebugInfoReport::Source source) {
  switch (source) {
    case DebugInfoReport::Source::kNone: return "";
    case DebugInfoReport::Source::kEmbedded: return "embedded";
    case DebugInfoReport::Source::kBuildId: return "build-id";
    case DebugInfoReport::Source::kDebuglink: return "debuglink";
    case DebugInfoReport::Source::kDwz: return "dwz";
    case DebugInfoReport::Source::kDwo: return "dwo";
    case DebugInfoReport::Source::kDebuginfod: return "debuginfod";
  }
  return "";
}

}  // namespace inquest
