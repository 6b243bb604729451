#include "v8/layout/version.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>

namespace inquest::v8 {
namespace {

std::optional<int> static_int(const Target& target, const Module& module, const char* mangled) {
  auto symbol = module.symbols ? module.symbols->find(mangled) : std::nullopt;
  if (!symbol) return std::nullopt;
  return target.memory().read_value<int32_t>(module.runtime(symbol->value));
}

bool looks_like_version(std::string_view text) {
  return !text.empty() && text.size() < 40 && std::isdigit(static_cast<unsigned char>(text[0])) &&
         std::count(text.begin(), text.end(), '.') >= 2;
}

/// node::per_process::metadata begins with `struct Versions { std::string node; ...` (node src/node_metadata.h,
/// v12 to v26). Both ABIs of libstdc++'s string begin with a pointer to the characters, which end with a NUL.
std::string version_from_metadata(const Target& target, const Module& module) {
  auto symbol = module.symbols ? module.symbols->find("_ZN4node11per_process8metadataE") : std::nullopt;
  if (!symbol) return {};
  Address string = module.runtime(symbol->value);
  auto data = target.memory().read_pointer(string);
  auto text = data ? target.memory().read_c_string(*data, 40) : std::nullopt;
  return text && looks_like_version(*text) ? *text : std::string();
}

/// process.release.sourceUrl and the inspector's user agent hold the version as text in .rodata.
std::string version_from_text(const Target& target, const Module& module) {
  constexpr std::string_view kMarker = "node.js/v";
  for (const MemoryRegion& region : target.memory().regions()) {
    if (region.start < module.start || region.start >= module.end || region.available == 0) continue;
    auto bytes = target.memory().view(region.start, region.available);
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (size_t at = text.find(kMarker); at != std::string_view::npos; at = text.find(kMarker, at + 1)) {
      std::string_view rest = text.substr(at + kMarker.size(), 40);
      std::string_view version = rest.substr(0, rest.find_first_not_of("0123456789."));
      if (looks_like_version(version)) return std::string(version);
    }
  }
  return {};
}

}  // namespace

std::string V8Version::text() const {
  if (!known()) return {};
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(build) + "." +
         std::to_string(patch);
}

V8Version find_v8_version(const Target& target, const Module& module) {
  V8Version version;
  version.major = static_int(target, module, "_ZN2v88internal7Version6major_E").value_or(0);
  version.minor = static_int(target, module, "_ZN2v88internal7Version6minor_E").value_or(0);
  version.build = static_int(target, module, "_ZN2v88internal7Version6build_E").value_or(0);
  version.patch = static_int(target, module, "_ZN2v88internal7Version6patch_E").value_or(0);
  if (version.major < 1 || version.major > 1000) return {};
  return version;
}

std::string find_node_version(const Target& target, const Module& module) {
  std::string version = version_from_metadata(target, module);
  return version.empty() ? version_from_text(target, module) : version;
}

}  // namespace inquest::v8
