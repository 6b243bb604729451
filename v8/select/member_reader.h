// Members of many objects alike, straight from the words of the heap: where a property lies is found out once per map.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "v8/inspect/inspector.h"
#include "v8/inspect/kinds.h"
#include "v8/objects/object_reader.h"
#include "v8/select/condition.h"

namespace inquest::v8 {

/// A member's value, unread as far as possible.
struct Member {
  enum class Kind : uint8_t {
    kMissing,  ///< there is no such member
    kUndefined,
    kNull,
    kBoolean,
    kNumber,  ///< `number`; BigInts too, rounded
    kString,
    kOther,     ///< an object, a symbol
    kComputed,  ///< a getter would have to run
  };
  Kind kind = Kind::kMissing;
  double number = 0;  ///< of booleans 0 or 1
  uint64_t word = 0;  ///< tagged; 0 for numbers that are not boxed
};

/// Not thread-safe. `inspector` reads what has no fixed place: entries of Maps, typed arrays, ...
class MemberReader {
 public:
  MemberReader(const Heap& heap, Inspector& inspector);

  /// To be called before other conditions and paths are used: until then they are known by where they lie.
  void start_over() { known_.clear(); }

  /// What `path` leads to from the object `word`: own members, properties and elements, `length` of strings and arrays,
  /// and whatever `v8 inspect --path` takes.
  Member read(uint64_t word, const MemberPath& path);

  bool holds(const Condition& condition, uint64_t word);

  /// A negative, zero or positive number as `a` comes before `b` or behind: numbers, strings, booleans, null, others;
  /// what is missing or undefined at the end.
  int compare(const Member& a, const Member& b) const;

  /// The member with everything in it, as `v8 inspect` shows it; nothing when there is none.
  std::optional<Value> value(uint64_t word, const MemberPath& path, const InspectOptions& options);

  uint64_t computed() const { return computed_; }  ///< reads that a getter would have had to answer

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
  struct Oddballs {
    uint64_t undefined = 0, null = 0, yes = 0, no = 0, hole = 0;
  };

  std::vector<Step>& steps_of(const MemberPath& path);
  Member step(uint64_t word, Step& step);
  Slot slot_of(uint64_t word, const MapInfo& map, Step& step);
  std::optional<Slot> descriptor_slot(uint64_t word, const MapInfo& map, Step& step);
  bool is_name(uint64_t key, Step& step);
  Member in_dictionary(uint64_t word, Step& step);
  Member element(uint64_t word, const MapInfo& map, Step& step);
  Member inspected(uint64_t word, const Step& step);
  Member classified(uint64_t word);
  static Member number(double value) { return {Member::Kind::kNumber, value}; }
  bool truth(const Member& member) const;
  bool compares(const Condition& condition, uint64_t word);
  Member literal(const Literal& literal) const;
  bool same_text(const Member& member, const Literal* literal, const Member& other) const;
  std::u16string text(const Member& member) const;

  const Heap& heap_;
  Inspector& inspector_;
  MapCache maps_;
  ObjectReader objects_;
  Kinds kinds_;
  std::vector<Oddballs> oddballs_;  ///< by isolate
  std::map<MemberPath, std::vector<Step>> paths_;
  std::unordered_map<const MemberPath*, std::vector<Step>*> known_;  ///< of those that were asked for lately
  uint64_t computed_ = 0;
};

}  // namespace inquest::v8
