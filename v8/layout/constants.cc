#include "v8/layout/constants.h"

namespace inquest::v8 {
namespace {
constexpr std::string_view kPrefix = "v8dbg_";

template <class Map>
std::optional<int> first_with_prefix(const Map& values, const std::string& prefix) {
  auto found = values.lower_bound(prefix);
  if (found == values.end() || !found->first.starts_with(prefix)) return std::nullopt;
  return found->second;
}
}  // namespace

Constants Constants::load(const Target& target, const Module& module) {
  Constants result;
  if (!module.symbols) return result;
  module.symbols->for_each_with_prefix(kPrefix, [&](const Symbol& symbol) {
    auto value = target.memory().read_value<int32_t>(module.runtime(symbol.value));
    if (value) result.values_.emplace(symbol.name.substr(kPrefix.size()), *value);
  });
  for (auto it = result.values_.lower_bound("type_"); it != result.values_.end() && it->first.starts_with("type_");
       ++it) {
    std::string class_name = it->first.substr(5, it->first.find("__") - 5);
    result.type_names_.emplace(it->second, class_name);
  }
  return result;
}

std::optional<int> Constants::field(std::string_view class_name, std::string_view field) const {
  return first_with_prefix(values_, "class_" + std::string(class_name) + "__" + std::string(field) + "__");
}

std::optional<int> Constants::type(std::string_view class_name) const {
  return first_with_prefix(values_, "type_" + std::string(class_name) + "__");
}

std::optional<int> Constants::value(std::string_view name) const {
  auto found = values_.find(name);
  return found == values_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace inquest::v8
