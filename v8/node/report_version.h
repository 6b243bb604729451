// The version of the diagnostic reports that a release of Node.js writes.
#pragma once

#include <optional>
#include <string_view>

namespace inquest::v8 {

/// NODE_REPORT_VERSION (src/node_report.cc) of the release `node_version` ("22.12.0", no "v" in front). It was raised
/// in minor and patch releases of several lines at once; the bounds were read from process.report.getReport() of the
/// official builds on both sides of each. Nothing for releases whose reports have no such field (before 12.6.0) and for
/// what is not a version.
std::optional<int> node_report_version(std::string_view node_version);

}  // namespace inquest::v8
