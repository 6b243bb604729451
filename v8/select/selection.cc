#include "v8/select/selection.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "v8/heap/census.h"
#include "v8/heap/parallel.h"
#include "v8/inspect/inspector.h"
#include "v8/select/member_reader.h"

namespace inquest::v8 {
namespace {

constexpr size_t kPart = 4096;  // instances that one thread takes at a time

/// Members of many instances, read by all processors.
class Readers {
 public:
  explicit Readers(const Heap& heap) : heap_(heap), readers_(worker_count()) {}

  /// Calls visit(MemberReader&, index) for every index below `count`.
  void for_each(size_t count, const std::function<void(MemberReader&, size_t)>& visit) {
    parallel_for((count + kPart - 1) / kPart, readers_.size(), [&](size_t worker, size_t part) {
      MemberReader& members = of(worker);
      for (size_t i = part * kPart; i < std::min(count, (part + 1) * kPart); ++i) visit(members, i);
    });
  }

  /// For the calling thread.
  MemberReader& own() { return of(0); }

  SelectionGaps gaps() const {
    SelectionGaps sum;
    for (const auto& reader : readers_) {
      if (!reader) continue;
      sum.computed += reader->members.computed();
      sum.not_matched += reader->members.not_matched();
    }
    return sum;
  }

 private:
  struct Reader {
    explicit Reader(const Heap& heap) : inspector(heap), members(heap, inspector) {}
    Inspector inspector;
    MemberReader members;
  };

  MemberReader& of(size_t worker) {
    if (!readers_[worker]) readers_[worker] = std::make_unique<Reader>(heap_);
    return readers_[worker]->members;
  }

  const Heap& heap_;
  std::vector<std::unique_ptr<Reader>> readers_;  ///< by worker
};

void leave_wanted(Readers& readers, const Condition& condition, std::vector<Instance>& instances) {
  std::vector<char> is_wanted(instances.size());
  readers.for_each(instances.size(), [&](MemberReader& members, size_t i) {
    is_wanted[i] = static_cast<char>(members.holds(condition, instances[i].address.value()));
  });
  size_t kept = 0;
  for (size_t i = 0; i < instances.size(); ++i) {
    if (is_wanted[i] != 0) instances[kept++] = instances[i];
  }
  instances.resize(kept);
}

void put_in_order(Readers& readers, const Selection& selection, std::vector<Instance>& instances) {
  std::vector<std::pair<Member, Instance>> keyed(instances.size());
  readers.for_each(instances.size(), [&](MemberReader& members, size_t i) {
    keyed[i] = {members.read(instances[i].address.value(), *selection.sort), instances[i]};
  });
  auto has_key = [](const Member& member) {
    return member.kind != Member::Kind::kMissing && member.kind != Member::Kind::kUndefined &&
           member.kind != Member::Kind::kComputed;
  };
  std::ranges::stable_sort(keyed, [&](const auto& a, const auto& b) {
    bool a_has = has_key(a.first), b_has = has_key(b.first);
    if (!a_has || !b_has) return a_has && !b_has;
    int order = readers.own().compare(a.first, b.first);
    return selection.descending ? order > 0 : order < 0;
  });
  for (size_t i = 0; i < keyed.size(); ++i) instances[i] = keyed[i].second;
}

}  // namespace

SelectionGaps select_instances(const Heap& heap, const Selection& selection, std::vector<Instance>& instances) {
  Readers readers(heap);
  if (selection.where != nullptr) leave_wanted(readers, *selection.where, instances);
  if (selection.sort) put_in_order(readers, selection, instances);
  return readers.gaps();
}

}  // namespace inquest::v8
