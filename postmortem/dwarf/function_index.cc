#include "postmortem/dwarf/function_index.h"

#include <dwarf.h>

#include <algorithm>

#include "postmortem/dwarf/code_padding.h"
#include "postmortem/dwarf/die_walk.h"

namespace inquest::dwarf {
namespace {

uint32_t narrow(uint64_t value) { return static_cast<uint32_t>(std::min<uint64_t>(value, UINT32_MAX)); }

// Of call sites with what they pass there are more than of all others.
bool holds_no_functions(uint16_t tag) {
  switch (tag) {
    case DW_TAG_enumeration_type:
    case DW_TAG_subroutine_type:
    case DW_TAG_call_site:
    case DW_TAG_GNU_call_site:
    case DW_TAG_array_type: return true;
    default: return false;
  }
}

// Types cannot hold code of the function around them, only functions of their own.
bool holds_no_inlines(uint16_t tag) {
  switch (tag) {
    case DW_TAG_subprogram:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type: return true;
    default: return holds_no_functions(tag);
  }
}

// The node of the DW_TAG_inlined_subroutine that `walk` is at; its code goes to `code`, DW_AT_sibling to `sibling`.
InlineNode read_inlined(const Unit& unit, DieWalk& walk, RangeBudget& budget, std::vector<AddressRange>* code,
                        uint64_t* sibling) {
  InlineNode node;
  node.die = walk.offset();
  CodeAttributes where;
  walk.for_each_attribute([&](const Attribute& attribute) {
    switch (attribute.name) {
      case DW_AT_call_file: node.call_file = narrow(attribute.value); break;
      case DW_AT_call_line: node.call_line = narrow(attribute.value); break;
      case DW_AT_call_column: node.call_column = narrow(attribute.value); break;
      case DW_AT_abstract_origin:
        if (attribute.form == DW_FORM_ref4 || attribute.form == DW_FORM_ref_udata)
          node.origin = unit.offset() + std::min(attribute.value, unit.end());
        break;
      case DW_AT_sibling:
        if (attribute.form == DW_FORM_ref4 || attribute.form == DW_FORM_ref_udata)
          *sibling = unit.offset() + std::min(attribute.value, unit.end());
        break;
      case DW_AT_entry_pc: node.entry = unit.address(attribute).value_or(0); break;
      default: where.take(attribute);
    }
  });
  unit.ranges(where, budget, code);
  if (node.entry == 0 && !code->empty()) node.entry = code->front().low;
  return node;
}

}  // namespace

void parse_function(const Die& function, std::span<const uint64_t> addresses, FunctionTree* tree) {
  tree->die = function.offset();
  tree->nodes.clear();
  tree->map.clear();
  tree->answers.clear();
  if (addresses.size() <= FunctionTree::kFew)
    for (uint64_t address : addresses) tree->answers.push_back({address, 0, 0});
  InlineNode self;
  self.die = function.offset();
  self.entry = function.address(DW_AT_low_pc).value_or(0);
  RangeBudget budget = function.unit().range_budget();
  auto code = function.ranges(budget);
  // The entry of a function in several parts is the start of the first one named: the other is its cold part.
  if (!code.empty() && self.entry == 0) self.entry = code.front().low;
  tree->nodes.push_back(self);
  Die child = function.first_child();
  if (!child) return tree->map.build();
  const Unit& unit = function.unit();
  DieWalk walk(unit, child.offset());
  std::vector<uint32_t> around = {0};  // by depth: the node that children there are inlined into
  uint64_t ignored = 0;                // depth of the DIE whose children do not count; 0: none
  while (walk.next()) {
    if (ignored >= walk.depth()) ignored = 0;
    around.resize(walk.depth());
    uint32_t parent = around.back();
    uint64_t depth = walk.depth();
    uint16_t tag = walk.shape().tag;
    if (holds_no_inlines(tag)) {
      if (!ignored && walk.shape().has_children) ignored = depth;
      walk.leave();
    } else {
      uint64_t sibling = 0;
      if (!ignored && tag == DW_TAG_inlined_subroutine) {
        InlineNode node = read_inlined(unit, walk, budget, &code, &sibling);
        node.parent = parent;
        parent = static_cast<uint32_t>(tree->nodes.size());
        for (const AddressRange& range : code) tree->add(range, parent);
        tree->nodes.push_back(node);
        // Code of what is inlined further lies inside of this: g++ makes ranges from notes that nest
        // (reemit_insn_block_notes), LLVM extends those around (LexicalScope::extendInsnRange).
        if (tree->concerns(code)) sibling = 0;
      }
      if (sibling == 0)
        walk.enter();
      else
        walk.leave_to(sibling);
    }
    if (walk.depth() > depth)
      around.push_back(parent);
    else if (ignored == depth)
      ignored = 0;
  }
  tree->map.build();
}

void FunctionIndex::add_functions(std::span<const uint64_t> offsets) {
  functions_ = {};
  ranges_.clear();
  scanned_ = true;
  RangeBudget budget = unit_.range_budget();
  for (uint64_t offset : offsets) {
    for (const AddressRange& range : unit_.die_at(offset).ranges(budget)) {
      functions_.add(range.low, range.high, offset);
      ranges_.push_back(range);
    }
  }
  functions_.build();
}

void FunctionIndex::scan_whole() {
  whole_ = true;
  std::vector<uint64_t> offsets;
  Die root = unit_.die();
  Die child = root ? root.first_child() : Die();
  if (child) {
    DieWalk walk(unit_, child.offset());
    while (walk.next()) {
      uint16_t tag = walk.shape().tag;
      if (tag == DW_TAG_subprogram && walk.shape().has_code) offsets.push_back(walk.offset());
      // What is inlined refers to what its abstract function holds: types and functions are there, not here.
      if (holds_no_functions(tag) || tag == DW_TAG_inlined_subroutine)
        walk.leave();
      else
        walk.enter();
    }
  }
  add_functions(offsets);
}

const uint64_t* FunctionIndex::lookup(uint64_t address) {
  if (!scanned_) {
    whole_ = unit_.outline().whole;
    add_functions(unit_.outline().functions);
  }
  const uint64_t* found = functions_.find(address);
  if (found || whole_ || is_in_padding(address)) return found;
  scan_whole();
  return functions_.find(address);
}

// No function has only instructions that do nothing.
bool FunctionIndex::is_in_padding(uint64_t address) const {
  constexpr uint64_t kLongest = 64;  // functions are aligned to a cache line at the most
  auto gap = program_ ? functions_.gap_at(address) : std::nullopt;
  if (!gap || gap->second - gap->first > kLongest) return false;
  auto offset = program_->headers().offset_of(gap->first);
  uint64_t size = gap->second - gap->first;
  Bytes code = offset ? elf::slice(program_->bytes(), *offset, size) : Bytes();
  return code.size() == size && is_padding(code);
}

FunctionTree* FunctionIndex::find(std::span<const uint64_t> addresses) {
  const uint64_t* offset = lookup(addresses[0]);
  if (!offset) return nullptr;
  if (tree_.die == *offset && tree_.knows(addresses[0])) return &tree_;
  size_t count = 1;
  for (; count < addresses.size() && count <= FunctionTree::kFew; ++count) {
    const uint64_t* next = functions_.find(addresses[count]);
    if (!next || *next != *offset) break;
  }
  parse_function(unit_.die_at(*offset), addresses.first(count), &tree_);
  return &tree_;
}

Die FunctionIndex::function_at(uint64_t address) {
  const uint64_t* offset = lookup(address);
  return offset ? unit_.die_at(*offset) : Die();
}

std::vector<AddressRange> FunctionIndex::ranges() {
  if (!whole_) scan_whole();
  return ranges_;
}

}  // namespace inquest::dwarf
