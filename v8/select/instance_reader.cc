#include "v8/select/instance_reader.h"

#include <utility>

#include "v8/inspect/inspector.h"
#include "v8/select/member_reader.h"

namespace inquest::v8 {
namespace {

class HeapInstanceReader : public InstanceReader {
 public:
  HeapInstanceReader(const Heap& heap, std::vector<MemberPath> columns)
      : columns_(std::move(columns)), inspector_(heap), members_(heap, inspector_) {}

  Value inspect(uint64_t word, const InspectOptions& options) override { return inspector_.inspect(word, options); }
  std::string_view plain_type(uint64_t word) override { return inspector_.plain_type(word); }
  Member member(uint64_t word, size_t column) override { return members_.read(word, columns_.at(column)); }
  Value value(const Member& member, const InspectOptions& options) override { return members_.value(member, options); }

 private:
  const std::vector<MemberPath> columns_;  ///< which `members_` knows by where they lie
  Inspector inspector_;
  MemberReader members_;
};

}  // namespace

std::unique_ptr<InstanceReader> make_instance_reader(const Heap& heap, std::vector<MemberPath> columns) {
  return std::make_unique<HeapInstanceReader>(heap, std::move(columns));
}

}  // namespace inquest::v8
