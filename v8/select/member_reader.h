// Members of many objects alike, straight from the words of the heap: where a property lies is found out once per map.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "v8/inspect/inspector.h"
#include "v8/inspect/kinds.h"
#include "v8/objects/object_reader.h"
#include "v8/select/condition.h"
#include "v8/select/member.h"

namespace inquest::v8 {

/// Not thread-safe. `inspector` reads what has no fixed place: entries of Maps, typed arrays, ...
class MemberReader {
 public:
  MemberReader(const Heap& heap, Inspector& inspector);

  /// To be called before other conditions and paths are used: until then they are known by where they lie.
  void start_over() { known_.clear(), matchers_.clear(), recent_ = {}; }

  /// What `path` leads to from the object `word`: own members, properties and elements, `length` of strings and arrays,
  /// and whatever `v8 inspect --path` takes.
  Member read(uint64_t word, const MemberPath& path);

  bool holds(const Condition& condition, uint64_t word);

  /// A negative, zero or positive number as `a` comes before `b` or behind: numbers, strings, booleans, null, others;
  /// what is missing or undefined at the end.
  int compare(const Member& a, const Member& b) const;

  /// The member with everything in it, as `v8 inspect` shows it. It is there: not kMissing.
  Value value(const Member& member, const InspectOptions& options);

  uint64_t computed() const { return computed_; }  ///< reads that a getter would have had to answer
  /// Texts that a regular expression tried too many ways on, or that were too long for it, and so did not match.
  uint64_t not_matched() const;

 private:
  /// Where objects with one map have the member.
  struct Slot {
    enum class Kind : uint8_t {
      kUnknown,
      kMissing,
      kInObject,
      kOutOfObject,
      kConstant,
      kComputed,
      kArrayLength,
      kStringLength,
      kElement,
      kDictionary,
      kInspect,
    };
    Kind kind = Kind::kUnknown;
    bool raw_double = false;
    uint64_t offset = 0;  ///< bytes; of kConstant the word
  };
  /// One step of one path.
  struct Step {
    std::string name;
    std::optional<uint64_t> index;
    std::vector<Slot> slots;                   ///< by map
    std::unordered_map<uint64_t, bool> names;  ///< by key: whether it is this name
  };
  static constexpr size_t kRecent = 8;  ///< a power of two
  struct Oddballs {
    uint64_t undefined = 0, null = 0, yes = 0, no = 0, hole = 0;
  };

  /// The same object is asked for several times in a row: by each member, and by each step of a path.
  const MapInfo* map_of(uint64_t word);
  std::vector<Step>& steps_of(const MemberPath& path);
  Member step(uint64_t word, Step& step);
  Slot slot_of(uint64_t word, const MapInfo& map, Step& step);
  std::optional<Slot> descriptor_slot(uint64_t word, const MapInfo& map, Step& step);
  bool is_name(uint64_t key, Step& step);
  Member in_dictionary(uint64_t word, Step& step);
  Member element(uint64_t word, const MapInfo& map, Step& step);
  Member inspected(uint64_t word, const Step& step);
  Member classified(uint64_t word);
  std::partial_ordering numeric_order(const Member& left, const Literal* left_literal, const Member& right,
                                      const Literal* right_literal) const;
  static Member number(double value) { return {Member::Kind::kNumber, value}; }
  bool truth(const Member& member) const;
  bool compares(const Condition& condition, uint64_t word);
  Member literal(const Literal& literal) const;
  bool same_text(const Member& member, const Literal* literal, const Member& other) const;
  std::u16string text(const Member& member) const;
  bool matches(const Regex& pattern, const Member& member);

  const Heap& heap_;
  Inspector& inspector_;
  MapCache maps_;
  ObjectReader objects_;
  Kinds kinds_;
  std::vector<Oddballs> oddballs_;  ///< by isolate
  std::map<MemberPath, std::vector<Step>> paths_;
  std::vector<std::pair<const MemberPath*, std::vector<Step>*>> known_;   ///< of those that were asked for lately
  std::array<std::pair<uint64_t, const MapInfo*>, kRecent> recent_ = {};  ///< objects and their maps
  std::vector<std::pair<const Regex*, StringMatcher>> matchers_;
  uint64_t computed_ = 0;
};

}  // namespace inquest::v8
