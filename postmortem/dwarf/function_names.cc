#include "postmortem/dwarf/function_names.h"

#include <dwarf.h>

#include <algorithm>

#include "postmortem/dwarf/die_walk.h"
#include "postmortem/model/demangle.h"

namespace inquest::dwarf {
namespace {

constexpr int kMaxOrigins = 32;     // as for Die::inherited
constexpr size_t kMaxScopes = 256;  // nesting of namespaces and classes

// All that is wanted of a chain of origins, in one walk along it.
struct Facts {
  std::string_view linkage, name;
  uint64_t declaration_line = 0;
  Die declaration;  ///< the last of the chain: it stands where the function belongs
};

Facts collect(Die die) {
  Facts facts;
  for (int i = 0; i < kMaxOrigins && die; ++i) {
    std::optional<Attribute> next;
    const Unit& unit = die.unit();
    die.for_each_attribute([&](const Attribute& attribute) {
      switch (attribute.name) {
        case DW_AT_linkage_name:
        case DW_AT_MIPS_linkage_name:
          if (facts.linkage.empty()) facts.linkage = unit.text(attribute);
          break;
        case DW_AT_name:
          if (facts.name.empty()) facts.name = unit.text(attribute);
          break;
        case DW_AT_decl_line:
          if (facts.declaration_line == 0) facts.declaration_line = attribute.value;
          break;
        case DW_AT_abstract_origin:
        case DW_AT_specification: next = attribute; break;
        default: break;
      }
      return true;
    });
    facts.declaration = die;
    if (!next) break;
    die = unit.reference(*next);
  }
  return facts;
}

bool is_type(const Die& scope) {
  switch (scope.tag()) {
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_interface_type:
    case DW_TAG_union_type: return true;
    default: return false;
  }
}

/// Nothing when it has a name that cannot be read (it is in an alternate file that is missing).
std::optional<std::string_view> scope_name(const Die& scope) {
  auto inherited = scope.inherited(DW_AT_name);
  std::string_view name = inherited ? inherited->second.unit().text(inherited->first) : std::string_view();
  if (inherited && name.empty()) return std::nullopt;
  switch (scope.tag()) {
    case DW_TAG_namespace: return name.empty() ? "(anonymous namespace)" : name;
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_interface_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type: return name;
    default: return std::string_view();  // functions and blocks: gdb leaves them out too
  }
}

}  // namespace

const std::vector<ScopeTree::Extent>& ScopeTree::parents_below(const Die& die) {
  if (die.offset() == unit_.first_die()) return unit_.outline().parents;
  auto [entry, is_new] = children_.try_emplace(die.offset());
  if (!is_new) return entry->second;
  Die child = die.first_child();
  if (!child) return entry->second;
  thread_local std::vector<Extent> extents;  // grown once for all, copied as small as they are
  extents.clear();
  bool open = false;  // the last of them has no end so far
  // What is below a DIE is passed over once per level above it where there is no DW_AT_sibling.
  constexpr uint64_t kTimesVisited = 8;
  uint64_t limit = (unit_.end() - unit_.offset()) * kTimesVisited;
  for (DieWalk walk(unit_, child.offset()); walk.next(); walk.leave()) {
    if (++visited_ > limit) {
      gave_up_ = true;
      break;
    }
    if (walk.depth() > 1) continue;
    if (open) extents.back().end = walk.offset();
    open = walk.shape().has_children;
    if (open) extents.push_back({walk.offset(), UINT64_MAX});
  }
  return entry->second = extents;
}

std::vector<Die> ScopeTree::around(uint64_t offset, bool* gave_up) {
  std::lock_guard lock(mutex_);
  std::vector<Die> path;
  for (Die die = unit_.die(); die && path.size() < kMaxScopes;) {
    const auto& below = parents_below(die);
    auto after = std::lower_bound(below.begin(), below.end(), offset,
                                  [](const Extent& extent, uint64_t at) { return extent.begin < at; });
    if (after == below.begin() || std::prev(after)->end <= offset) break;
    die = unit_.die_at(std::prev(after)->begin);
    if (die) path.push_back(die);
  }
  *gave_up = gave_up_;
  return path;
}

std::string_view FunctionNames::keep(std::string_view text) {
  if (text.empty()) return {};
  Texts& texts = texts_[std::hash<std::string_view>{}(text) % texts_.size()];
  std::lock_guard lock(texts.mutex);
  return texts.all.keep(text);
}

FunctionName FunctionNames::from_linkage(std::string_view linkage) {
  Shard& shard = shards_[std::hash<std::string_view>{}(linkage) % shards_.size()];
  {
    std::lock_guard lock(shard.mutex);
    if (auto found = shard.by_linkage.find(linkage); found != shard.by_linkage.end()) return found->second;
  }
  FunctionName name;
  name.linkage = linkage;
  name.has_linkage = true;
  thread_local std::string text;
  if (demangle(linkage, &text)) name.function = keep(without_parameters(text));
  std::lock_guard lock(shard.mutex);
  return shard.by_linkage.emplace(linkage, name).first->second;
}

FunctionName FunctionNames::of_symbol(std::string_view symbol) {
  FunctionName name = from_linkage(symbol);
  if (name.function.empty()) name.function = symbol;
  return name;
}

std::string_view FunctionNames::qualified(const Die& die, std::string_view name, bool* whole) {
  ScopeTree* tree = nullptr;
  {
    std::lock_guard lock(scopes_mutex_);
    auto& known = scopes_[&die.unit()];
    if (!known) known = std::make_unique<ScopeTree>(die.unit());
    tree = known.get();
  }
  bool gave_up = false;
  std::vector<Die> scopes = tree->around(die.offset(), &gave_up);
  if (gave_up) *whole = false;
  thread_local std::string text;
  text.clear();
  for (const Die& scope : scopes) {
    std::optional<std::string_view> part = scope_name(scope);
    if (!part) *whole = false;
    // The class of a lambda has no name in g++ 12's DWARF; gdb then shows "operator()" alone.
    if (!part || (part->empty() && is_type(scope))) text.clear();
    if (part && !part->empty()) text.append(*part).append("::");
  }
  return keep(text.append(name));
}

FunctionName FunctionNames::make(const Die& die) {
  Facts facts = collect(die);
  FunctionName name;
  if (!facts.linkage.empty()) name = from_linkage(facts.linkage);
  if (name.function.empty() && !facts.name.empty()) {
    bool flat = facts.declaration.unit().is_c();
    name.function = flat ? facts.name : qualified(facts.declaration, facts.name, &name.whole);
  }
  if (name.function.empty()) name.function = facts.linkage;
  if (!name.has_linkage) name.linkage = facts.name;
  name.declaration_line = facts.declaration_line;
  return name;
}

const FunctionName& FunctionNames::of(const Die& given) {
  Die die = given;
  if (die.tag() == DW_TAG_inlined_subroutine)
    if (Die origin = die.reference(DW_AT_abstract_origin)) die = origin;
  auto key = reinterpret_cast<uintptr_t>(die.key());
  Shard& shard = shards_[(key >> 4) % shards_.size()];
  {
    std::lock_guard lock(shard.mutex);
    if (const FunctionName* found = shard.by_die.find(key)) return *found;
  }
  FunctionName name = make(die);
  std::lock_guard lock(shard.mutex);
  const FunctionName*& known = shard.by_die[key];
  if (known == nullptr) known = &shard.names.emplace_back(name);
  return *known;
}

}  // namespace inquest::dwarf
