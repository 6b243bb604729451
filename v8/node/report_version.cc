#include "v8/node/report_version.h"

#include <array>
#include <charconv>
#include <compare>

namespace inquest::v8 {
namespace {

struct Release {
  int major = 0;
  int minor = 0;
  int patch = 0;
  auto operator<=>(const Release&) const = default;
};

struct Change {
  Release from;  ///< up to the next row
  int version;
};

// In the order of releases. A line that branched off before a change has the older number until the change came to it.
constexpr std::array kChanges{
    Change{{12, 6, 0}, 1},  Change{{12, 16, 2}, 2}, Change{{13, 0, 0}, 1},  Change{{13, 9, 0}, 2},
    Change{{18, 13, 0}, 3}, Change{{19, 0, 0}, 2},  Change{{19, 1, 0}, 3},  Change{{20, 18, 3}, 4},
    Change{{21, 0, 0}, 3},  Change{{22, 12, 0}, 4}, Change{{22, 13, 0}, 5}, Change{{23, 0, 0}, 3},
    Change{{23, 3, 0}, 4},  Change{{23, 5, 0}, 5},
};

std::optional<Release> release_of(std::string_view text) {
  Release release;
  const char* at = text.data();
  const char* end = at + text.size();
  for (int* number : {&release.major, &release.minor, &release.patch}) {
    if (number != &release.major && (at == end || *at++ != '.')) return std::nullopt;
    auto [next, error] = std::from_chars(at, end, *number);
    if (error != std::errc() || *number < 0) return std::nullopt;
    at = next;
  }
  return release;  // what follows ("-nightly...") changes nothing
}

}  // namespace

std::optional<int> node_report_version(std::string_view node_version) {
  std::optional<Release> release = release_of(node_version);
  std::optional<int> version;
  for (const Change& change : kChanges) {
    if (release && change.from <= *release) version = change.version;
  }
  return version;
}

}  // namespace inquest::v8
