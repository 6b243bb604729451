#include "v8/select/member_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <ranges>

#include "v8/inspect/numbers.h"
#include "v8/objects/bigint.h"
#include "v8/objects/shape.h"
#include "v8/objects/string_text.h"

namespace inquest::v8 {
namespace {

constexpr size_t kMaxText = 1 << 16;  ///< UTF-16 units that are put in order
constexpr uint64_t kMaxNames = 1 << 16;
constexpr uint64_t kMaxBigIntDigits = 16;
constexpr double kMostExact = 9007199254740992;         ///< 2^53
constexpr uint64_t kHoleNan = 0xfff7fffffff7ffff;       ///< kHoleNanInt64, src/common/globals.h
constexpr uint64_t kUndefinedNan = 0xfff6fffffff6ffff;  ///< kUndefinedNanInt64 there
constexpr uint8_t kOneByteBit = 8;
constexpr size_t kMapsAtOnce = 256;

bool ordered(Condition::Order order, std::partial_ordering found) {
  switch (order) {
    case Condition::Order::kEqual: return found == 0;
    case Condition::Order::kNotEqual: return found != 0;
    case Condition::Order::kLess: return found < 0;
    case Condition::Order::kLessEqual: return found <= 0;
    case Condition::Order::kGreater: return found > 0;
    case Condition::Order::kGreaterEqual: return found >= 0;
  }
  return false;
}

/// What is not there is undefined to whoever compares it.
Member::Kind seen_as(Member::Kind kind) { return kind == Member::Kind::kMissing ? Member::Kind::kUndefined : kind; }

}  // namespace

MemberReader::MemberReader(const Heap& heap, Inspector& inspector)
    : heap_(heap), inspector_(inspector), maps_(heap.new_map_cache()), objects_(heap, maps_), kinds_(objects_) {
  for (const Isolate& isolate : heap.isolates()) {
    auto root = [&](const char* name) { return heap.root(name, isolate.index); };
    oddballs_.push_back(
        {root("undefined_value"), root("null_value"), root("true_value"), root("false_value"), root("the_hole_value")});
  }
}

const MapInfo* MemberReader::map_of(uint64_t word) {
  auto& [object, map] = recent_[(word >> 3) % kRecent];
  if (object != word) {
    object = word;
    map = objects_.map_of(word);
  }
  return map;
}

std::vector<MemberReader::Step>& MemberReader::steps_of(const MemberPath& path) {
  for (auto [known, steps] : known_) {
    if (known == &path) return *steps;
  }
  auto [entry, added] = paths_.try_emplace(path);
  known_.emplace_back(&path, &entry->second);
  if (added) {
    for (const std::string& name : path) entry->second.push_back({name, array_index(name), {}, {}});
  }
  return entry->second;
}

Member MemberReader::read(uint64_t word, const MemberPath& path) {
  std::vector<Step>& steps = steps_of(path);
  if (steps.empty()) return classified(word);
  Member member{Member::Kind::kOther, 0, word};
  for (Step& next : steps) {
    bool leads_on = member.word != 0 && (member.kind == Member::Kind::kOther || member.kind == Member::Kind::kString);
    if (!leads_on) return {};
    member = step(member.word, next);
  }
  return member;
}

Member MemberReader::classified(uint64_t word) {
  if (is_smi(word)) return {Member::Kind::kNumber, static_cast<double>(smi_value(word)), word};
  const MapInfo* map = map_of(word);
  if (map == nullptr) return {};
  Member member{Member::Kind::kOther, 0, word};
  switch (map->category) {
    case Category::kString: member.kind = Member::Kind::kString; return member;
    case Category::kNumber:
      member.kind = Member::Kind::kNumber;
      member.number = std::bit_cast<double>(objects_.field(word, 8));
      return member;
    case Category::kBigInt: {
      member.kind = Member::Kind::kNumber;
      member.is_big_int = true;
      BigInt bigint = read_bigint(objects_, word, kMaxBigIntDigits);
      for (uint64_t digit : std::views::reverse(bigint.digits))
        member.number = std::ldexp(member.number, 64) + static_cast<double>(digit);
      if (bigint.count > kMaxBigIntDigits) member.number = std::numeric_limits<double>::infinity();
      if (bigint.negative) member.number = -member.number;
      return member;
    }
    case Category::kInternal: break;
    default: return member;
  }
  for (const Oddballs& known : oddballs_) {
    if (word == known.undefined) member.kind = Member::Kind::kUndefined;
    if (word == known.null) member.kind = Member::Kind::kNull;
    if (word == known.yes || word == known.no) member.kind = Member::Kind::kBoolean;
    if (word == known.yes) member.number = 1;
    if (word == known.hole) member.kind = Member::Kind::kMissing;
  }
  if (map->type == heap_.types().mutable_heap_number) {
    member.kind = Member::Kind::kNumber;
    member.number = std::bit_cast<double>(objects_.field(word, 8));
  }
  return member;
}

/// Strings by their text, symbols and private names by their description.
bool MemberReader::is_name(uint64_t key, Step& step) {
  if (step.names.size() > kMaxNames) step.names.clear();
  auto [entry, added] = step.names.try_emplace(key, false);
  if (!added) return entry->second;
  const MapInfo* map = objects_.map_of(key);
  if (map == nullptr) return false;
  if (map->category == Category::kString) {
    entry->second = objects_.string(key) == step.name;
  } else if (map->category == Category::kSymbol) {
    std::string description = objects_.string(objects_.field(key, 16)).value_or("");
    bool is_private = description.starts_with('#') && description == step.name;
    entry->second = is_private || fmt::format("Symbol({})", description) == step.name;
  }
  return entry->second;
}

std::optional<MemberReader::Slot> MemberReader::descriptor_slot(uint64_t word, const MapInfo& map, Step& step) {
  const PropertyLayout& layout = heap_.layout().property;
  std::optional<Slot> slot;
  objects_.for_each_property(word, [&](const ObjectReader::Property& property) {
    if (!is_name(property.key, step)) return true;
    slot.emplace();
    if (property.accessor) {
      slot->kind = Slot::Kind::kComputed;
    } else if ((property.details & layout.location_mask) != 0) {
      *slot = {Slot::Kind::kConstant, false, property.value};
    } else {
      uint64_t index = (property.details & layout.index_mask) >> layout.index_shift;
      uint64_t words = map.instance_size / 8;
      uint64_t inside = words > map.inobject_start ? words - map.inobject_start : 0;
      bool in_object = index < inside;
      *slot = {in_object ? Slot::Kind::kInObject : Slot::Kind::kOutOfObject, property.raw_double,
               in_object ? 8 * (map.inobject_start + index) : 16 + 8 * (index - inside)};
    }
    return false;
  });
  return slot;
}

MemberReader::Slot MemberReader::slot_of(uint64_t word, const MapInfo& map, Step& step) {
  auto of_kind = [](Slot::Kind kind) { return Slot{kind, false, 0}; };
  if (map.category == Category::kString) {
    return of_kind(step.name == "length" ? Slot::Kind::kStringLength : Slot::Kind::kMissing);
  }
  if (map.category != Category::kReceiver) return of_kind(Slot::Kind::kInspect);
  if (map.type == heap_.types().js_array && step.name == "length") return of_kind(Slot::Kind::kArrayLength);
  if (map.has_properties && objects_.is_dictionary_map(map)) return of_kind(Slot::Kind::kDictionary);
  if (map.has_properties) {
    if (auto slot = descriptor_slot(word, map, step)) return *slot;
  }
  if (step.name.starts_with('#')) return of_kind(Slot::Kind::kInspect);  // perhaps a private method
  switch (kinds_.of(map, word)) {
    case ValueKind::kObject:
    case ValueKind::kArray:
    case ValueKind::kError: return of_kind(step.index ? Slot::Kind::kElement : Slot::Kind::kMissing);
    default: return of_kind(Slot::Kind::kInspect);
  }
}

Member MemberReader::step(uint64_t word, Step& step) {
  const MapInfo* map = map_of(word);
  if (map == nullptr) return {};
  if (map->index >= step.slots.size()) step.slots.resize(map->index + kMapsAtOnce);
  Slot& slot = step.slots[map->index];
  if (slot.kind == Slot::Kind::kUnknown) slot = slot_of(word, *map, step);
  switch (slot.kind) {
    case Slot::Kind::kUnknown:
    case Slot::Kind::kMissing: return {};
    case Slot::Kind::kInObject: {
      uint64_t value = objects_.field(word, slot.offset);
      return slot.raw_double ? number(std::bit_cast<double>(value)) : classified(value);
    }
    case Slot::Kind::kOutOfObject: return classified(objects_.field(objects_.field(word, 8), slot.offset));
    case Slot::Kind::kConstant: return classified(slot.offset);
    case Slot::Kind::kComputed: ++computed_; return {Member::Kind::kComputed};
    case Slot::Kind::kArrayLength: return number(static_cast<double>(element_count(objects_, *map, word)));
    case Slot::Kind::kStringLength: return number(objects_.string_length(word).value_or(0));
    case Slot::Kind::kElement: return element(word, *map, step);
    case Slot::Kind::kDictionary: return in_dictionary(word, step);
    case Slot::Kind::kInspect: return inspected(word, step);
  }
  return {};
}

Member MemberReader::in_dictionary(uint64_t word, Step& step) {
  Member member;
  objects_.for_each_property(word, [&](const ObjectReader::Property& property) {
    if (!is_name(property.key, step)) return true;
    if (property.accessor) {
      ++computed_;
      member.kind = Member::Kind::kComputed;
    } else {
      member = classified(property.value);
    }
    return false;
  });
  if (member.kind != Member::Kind::kMissing) return member;
  const MapInfo* map = objects_.map_of(word);
  if (map == nullptr) return {};
  ValueKind kind = kinds_.of(*map, word);
  bool plain = kind == ValueKind::kObject || kind == ValueKind::kArray || kind == ValueKind::kError;
  if (step.index && plain) return element(word, *map, step);
  return plain ? Member() : inspected(word, step);
}

Member MemberReader::element(uint64_t word, const MapInfo& map, Step& step) {
  uint64_t index = *step.index;
  uint64_t store = objects_.field(word, 16);
  const MapInfo* store_map = objects_.map_of(store);
  if (store_map == nullptr) return {};
  const std::string& name = heap_.types()[store_map->type].name;
  bool doubles = name == "FixedDoubleArray";
  if (!doubles && name != "FixedArray") return store_map->backing_store ? inspected(word, step) : Member();
  uint64_t capacity = objects_.field(store, 8);
  bool is_there = is_smi(capacity) && smi_value(capacity) > 0 && index < static_cast<uint64_t>(smi_value(capacity)) &&
                  index < element_count(objects_, map, word);
  if (!is_there || !heap_.pages().object_bytes(store - 1, 16 + 8 * index, 8)) return {};
  uint64_t value = objects_.field(store, 16 + 8 * index);
  if (!doubles) return classified(value);
  if (value == kUndefinedNan) return {Member::Kind::kUndefined};
  return value == kHoleNan ? Member() : number(std::bit_cast<double>(value));
}

Member MemberReader::inspected(uint64_t word, const Step& step) {
  InspectOptions options{.depth = 0};
  options.max_text = 0;
  Value self = inspector_.inspect(word, options);
  bool counted = self.kind == ValueKind::kMap || self.kind == ValueKind::kSet;
  if (self.has_length && step.name == (counted ? "size" : "length")) return number(static_cast<double>(self.length));
  auto found = inspector_.inspect(word, std::span(&step.name, 1), options);
  if (!found) return {};
  if (found->kind == ValueKind::kAccessor || found->kind == ValueKind::kNativeAccessor) {
    ++computed_;
    return {Member::Kind::kComputed};
  }
  if (found->kind == ValueKind::kHole || found->kind == ValueKind::kUnreadable) return {};
  if (!found->address.is_null()) return classified(found->address.value());
  if (const auto* value = std::get_if<double>(&found->value)) return number(*value);
  return {};
}

bool MemberReader::truth(const Member& member) const {
  switch (member.kind) {
    case Member::Kind::kMissing:
    case Member::Kind::kUndefined:
    case Member::Kind::kNull:
    case Member::Kind::kComputed: return false;
    case Member::Kind::kBoolean: return member.number != 0;
    case Member::Kind::kNumber: return member.number != 0 && !std::isnan(member.number);
    case Member::Kind::kString: return objects_.string_length(member.word).value_or(0) != 0;
    case Member::Kind::kOther: return true;
  }
  return false;
}

Member MemberReader::literal(const Literal& literal) const {
  if (std::holds_alternative<Null>(literal)) return {Member::Kind::kNull};
  if (const bool* value = std::get_if<bool>(&literal)) return {Member::Kind::kBoolean, *value ? 1.0 : 0.0};
  if (const double* value = std::get_if<double>(&literal)) return number(*value);
  if (const auto* value = std::get_if<BigNumber>(&literal)) return number(value->value());
  if (std::holds_alternative<std::string>(literal)) return {Member::Kind::kString};
  return {Member::Kind::kUndefined};
}

std::u16string MemberReader::text(const Member& member) const { return objects_.utf16(member.word, kMaxText); }

/// Most strings that are not equal differ in length, which for text of one byte per character is known at once.
bool MemberReader::same_text(const Member& member, const Literal* literal, const Member& other) const {
  if (literal == nullptr) {
    if (member.word == other.word) return true;
    auto length = objects_.string_length(member.word);
    if (!length || length != objects_.string_length(other.word)) return false;
    return objects_.utf16(member.word, *length) == objects_.utf16(other.word, *length);
  }
  const auto& wanted = std::get<std::string>(*literal);
  auto length = objects_.string_length(member.word);
  if (!length || *length > wanted.size() || 3 * uint64_t{*length} < wanted.size()) return false;
  const MapInfo* map = objects_.map_of(member.word);
  bool sequential = map != nullptr && (map->type & 7) == 0 && (map->type & kOneByteBit) != 0;
  bool ascii = std::ranges::all_of(wanted, [](char c) { return (c & 0x80) == 0; });
  if (sequential && ascii) {
    if (*length != wanted.size()) return false;
    const std::byte* chars = heap_.pages().object_bytes(member.word - 1, heap_.layout().string.chars, *length);
    if (chars != nullptr) return std::memcmp(chars, wanted.data(), *length) == 0;
  }
  return objects_.utf16(member.word, *length) == to_utf16(wanted);
}

bool MemberReader::matches(const Regex& pattern, const Member& member) {
  auto known = std::ranges::find(matchers_, &pattern, [](const auto& entry) { return entry.first; });
  if (known == matchers_.end()) {
    matchers_.emplace_back(&pattern, pattern);
    known = matchers_.end() - 1;
  }
  return known->second.matches(objects_, member.word);
}

uint64_t MemberReader::not_matched() const {
  uint64_t sum = 0;
  for (const auto& [pattern, matcher] : matchers_) sum += matcher.not_matched();
  return sum;
}

/// BigInts that no double holds exactly are compared as they are; everything else is as doubles are.
std::partial_ordering MemberReader::numeric_order(const Member& left, const Literal* left_literal, const Member& right,
                                                  const Literal* right_literal) const {
  if (std::fabs(left.number) < kMostExact || std::fabs(right.number) < kMostExact) return left.number <=> right.number;
  auto exact = [&](const Member& member, const Literal* literal) -> std::optional<BigNumber> {
    const auto* big = literal != nullptr ? std::get_if<BigNumber>(literal) : nullptr;
    if (big != nullptr) return *big;
    return member.is_big_int ? big_number(objects_, member.word) : big_number(member.number);
  };
  auto a = exact(left, left_literal), b = exact(right, right_literal);
  if (!a || !b || !(a->is_bigint || b->is_bigint)) return left.number <=> right.number;
  return *a <=> *b;
}

bool MemberReader::compares(const Condition& condition, uint64_t word) {
  const auto* left_literal = std::get_if<Literal>(&condition.left);
  const auto* right_literal = std::get_if<Literal>(&condition.right);
  Member left = left_literal != nullptr ? literal(*left_literal) : read(word, std::get<MemberPath>(condition.left));
  Member right = right_literal != nullptr ? literal(*right_literal) : read(word, std::get<MemberPath>(condition.right));
  bool differs = condition.order == Condition::Order::kNotEqual;
  if (seen_as(left.kind) != seen_as(right.kind)) return differs;
  switch (left.kind) {
    case Member::Kind::kNumber:
      return ordered(condition.order, numeric_order(left, left_literal, right, right_literal));
    case Member::Kind::kBoolean: return ordered(condition.order, left.number <=> right.number);
    case Member::Kind::kString: {
      bool equality = differs || condition.order == Condition::Order::kEqual;
      if (equality) {
        bool same = left_literal != nullptr && right_literal != nullptr
                        ? std::get<std::string>(*left_literal) == std::get<std::string>(*right_literal)
                    : left_literal != nullptr ? same_text(right, left_literal, left)
                                              : same_text(left, right_literal, right);
        return same != differs;
      }
      auto of = [&](const Literal* literal, const Member& member) {
        return literal != nullptr ? to_utf16(std::get<std::string>(*literal)) : text(member);
      };
      return ordered(condition.order, of(left_literal, left) <=> of(right_literal, right));
    }
    case Member::Kind::kOther:
      return condition.order == Condition::Order::kEqual ? left.word == right.word : differs && left.word != right.word;
    case Member::Kind::kComputed: return false;
    default: return ordered(condition.order, std::partial_ordering::equivalent);
  }
}

bool MemberReader::holds(const Condition& condition, uint64_t word) {
  switch (condition.kind) {
    case Condition::Kind::kAnd:
      for (const Condition& part : condition.parts) {
        if (!holds(part, word)) return false;
      }
      return true;
    case Condition::Kind::kOr:
      for (const Condition& part : condition.parts) {
        if (holds(part, word)) return true;
      }
      return false;
    case Condition::Kind::kNot: return !holds(condition.parts.front(), word);
    case Condition::Kind::kCompare: return compares(condition, word);
    case Condition::Kind::kMatches: {
      Member member = read(word, std::get<MemberPath>(condition.left));
      if (member.kind != Member::Kind::kString) return false;
      return matches(*condition.pattern, member);
    }
    case Condition::Kind::kExists:
      return read(word, std::get<MemberPath>(condition.left)).kind != Member::Kind::kMissing;
    case Condition::Kind::kTruth:
      if (const auto* value = std::get_if<Literal>(&condition.left)) {
        const auto* constant = std::get_if<std::string>(value);
        return constant != nullptr ? !constant->empty() : truth(literal(*value));
      }
      return truth(read(word, std::get<MemberPath>(condition.left)));
  }
  return false;
}

int MemberReader::compare(const Member& a, const Member& b) const {
  auto rank = [](Member::Kind kind) {
    switch (kind) {
      case Member::Kind::kNumber: return 0;
      case Member::Kind::kString: return 1;
      case Member::Kind::kBoolean: return 2;
      case Member::Kind::kNull: return 3;
      case Member::Kind::kOther: return 4;
      default: return 5;
    }
  };
  if (rank(a.kind) != rank(b.kind)) return rank(a.kind) < rank(b.kind) ? -1 : 1;
  if (a.kind == Member::Kind::kNumber || a.kind == Member::Kind::kBoolean) {
    bool a_none = std::isnan(a.number), b_none = std::isnan(b.number);
    if (a_none || b_none) return a_none - b_none;
    std::partial_ordering order = numeric_order(a, nullptr, b, nullptr);
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  if (a.kind != Member::Kind::kString || a.word == b.word) return 0;
  return text(a).compare(text(b));
}

Value MemberReader::value(const Member& member, const InspectOptions& options) {
  if (member.kind == Member::Kind::kComputed) {
    Value value;
    value.kind = ValueKind::kAccessor;
    return value;
  }
  if (member.kind == Member::Kind::kNumber && !member.is_big_int) return number_value(member.number);
  return inspector_.inspect(member.word, options);
}

}  // namespace inquest::v8
