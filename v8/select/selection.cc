#include "v8/select/selection.h"

#include <algorithm>
#include <utility>

#include "v8/heap/census.h"
#include "v8/select/member_reader.h"

namespace inquest::v8 {

void select_instances(MemberReader& members, const Selection& selection, std::vector<Instance>& instances) {
  members.start_over();
  if (selection.where != nullptr) {
    std::erase_if(instances,
                  [&](const Instance& instance) { return !members.holds(*selection.where, instance.address.value()); });
  }
  if (!selection.sort) return;
  std::vector<std::pair<Member, Instance>> keyed;
  keyed.reserve(instances.size());
  for (const Instance& instance : instances) {
    keyed.emplace_back(members.read(instance.address.value(), *selection.sort), instance);
  }
  auto has_key = [](const Member& member) {
    return member.kind != Member::Kind::kMissing && member.kind != Member::Kind::kUndefined &&
           member.kind != Member::Kind::kComputed;
  };
  std::ranges::stable_sort(keyed, [&](const auto& a, const auto& b) {
    bool a_has = has_key(a.first), b_has = has_key(b.first);
    if (!a_has || !b_has) return a_has && !b_has;
    int order = members.compare(a.first, b.first);
    return selection.descending ? order > 0 : order < 0;
  });
  for (size_t i = 0; i < keyed.size(); ++i) instances[i] = keyed[i].second;
}

}  // namespace inquest::v8
