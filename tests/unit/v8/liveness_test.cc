#include "v8/heap/liveness.h"

#include <gmock/gmock.h>

#include "tests/support/v8_page_builder.h"

namespace inquest::v8 {
namespace {

using inquest::testing::FakePage;
using inquest::testing::OpenHeap;
using inquest::testing::smi;
using inquest::testing::V8Builder;
using inquest::testing::weak;
namespace type = inquest::testing::type;

class Liveness : public ::testing::Test {
 protected:
  explicit Liveness(V8Version version = V8Builder::kInChunk) : v8(version) {}

  /// An array that nothing refers to yet.
  uint64_t node(std::vector<uint64_t> references = {smi(0)}) { return v8.fixed_array(std::move(references)); }
  void mark() {
    open = v8.open_indexed();
    stats = mark_live_objects(*open.heap, nullptr);
  }
  bool live(uint64_t word) { return open.live(word); }

  V8Builder v8;
  OpenHeap open;
  LivenessStats stats;
};

TEST_F(Liveness, WhatNothingRefersToIsDead) {
  uint64_t lonely = node(), kept = node();
  v8.keep(kept);
  mark();
  EXPECT_TRUE(live(kept));
  EXPECT_FALSE(live(lonely));
  EXPECT_TRUE(live(v8.root("fixed_array_map")));
}

TEST_F(Liveness, ReferencesAreFollowed) {
  uint64_t end = node(), middle = node({smi(1), end}), start = node({middle});
  uint64_t lonely_end = node(), lonely = node({lonely_end});
  v8.keep(start);
  mark();
  EXPECT_TRUE(live(start) && live(middle) && live(end));
  EXPECT_FALSE(live(lonely) || live(lonely_end));
}

TEST_F(Liveness, LongChainsNeedNoStack) {
  uint64_t first = node(), last = first;
  for (int i = 0; i < 100000; ++i) last = node({last});
  v8.keep(last);
  mark();
  EXPECT_TRUE(live(first));
}

TEST_F(Liveness, CyclesEndAndKeepNothingAliveThemselves) {
  uint64_t a = node(), b = node({a}), c = node(), d = node({c});
  v8.put(a - 1 + 16, b);
  v8.put(c - 1 + 16, d);
  v8.keep(a);
  mark();
  EXPECT_TRUE(live(a) && live(b));
  EXPECT_FALSE(live(c) || live(d));
}

TEST_F(Liveness, TheMapOfALiveObjectIsLive) {
  uint64_t used = v8.new_map({}), unused = v8.new_map({});
  v8.keep(v8.object(used));
  mark();
  EXPECT_TRUE(live(used));
  EXPECT_FALSE(live(unused));
}

TEST_F(Liveness, WeakReferencesAreNotFollowed) {
  uint64_t target = node(), strong = node();
  v8.keep(v8.fixed_array({weak(target), strong}, "weak_fixed_array_map"));
  mark();
  EXPECT_FALSE(live(target));
  EXPECT_TRUE(live(strong));
}

TEST_F(Liveness, StringsAndNumbersReferToNothing) {
  uint64_t target = node();
  uint64_t number = v8.heap_number(0), text = v8.string("12345678");
  v8.put(number - 1 + 8, target);
  v8.put(text - 1 + 16, target);
  v8.keep(number);
  v8.keep(text);
  mark();
  EXPECT_FALSE(live(target));
}

TEST_F(Liveness, TargetsOfWeakCellsAndWeakRefsAreWeak) {
  uint64_t registry = node(), cell_target = node(), token = node(), holdings = node();
  v8.keep(v8.add({v8.root("weak_cell_map"), registry, cell_target, token, holdings, smi(0)}));
  uint64_t properties = node(), ref_target = node();
  uint64_t ref_map = v8.new_map({.type = type::kJSWeakRef, .size = 32});
  v8.keep(v8.object(ref_map, {ref_target}, properties));
  mark();
  EXPECT_TRUE(live(registry) && live(holdings) && live(properties));
  EXPECT_FALSE(live(cell_target) || live(token) || live(ref_target));
}

TEST_F(Liveness, AnEphemeronsValueLivesWithItsKey) {
  uint64_t live_key = node(), dead_key = node(), value = node(), dead_value = node();
  v8.keep(v8.ephemeron_table({live_key, value, dead_key, dead_value}));
  v8.keep(live_key);
  mark();
  EXPECT_TRUE(live(value));
  EXPECT_FALSE(live(dead_key) || live(dead_value));
}

TEST_F(Liveness, AnEphemeronTableMustLiveItself) {
  uint64_t key = node(), value = node();
  v8.ephemeron_table({key, value});
  v8.keep(key);
  mark();
  EXPECT_FALSE(live(value));
}

TEST_F(Liveness, EphemeronsAreChased) {
  // Each value is the key of the next; across tables, one of which is itself such a value, and in awkward order.
  constexpr int kChain = 50;
  std::vector<uint64_t> keys;
  for (int i = 0; i <= kChain; ++i) keys.push_back(node());
  uint64_t last_value = node();
  uint64_t last_table = v8.ephemeron_table({keys[kChain], last_value});
  std::vector<uint64_t> pairs;
  for (int i = kChain - 1; i >= 0; --i) pairs.insert(pairs.end(), {keys[i], keys[i + 1]});
  pairs.insert(pairs.end(), {keys[3], last_table});
  uint64_t table = v8.ephemeron_table(pairs);
  uint64_t dead_key = node(), dead_value = node();
  v8.keep(v8.ephemeron_table({dead_key, dead_value, dead_value, dead_key}));
  v8.keep(table);
  v8.keep(keys[0]);
  mark();
  EXPECT_TRUE(live(keys[kChain]));
  EXPECT_TRUE(live(last_value));
  EXPECT_FALSE(live(dead_key) || live(dead_value)) << "a cycle of ephemerons";
}

TEST_F(Liveness, PointersIntoObjectsAreNoRoots) {
  uint64_t object = node({smi(1), smi(2), smi(3)});
  v8.keep(object + 8);
  v8.keep(object - 1);
  v8.put(v8.allocate(16) + 4, object);  // not aligned
  mark();
  EXPECT_FALSE(live(object));
}

TEST_F(Liveness, RegistersAreRoots) {
  uint64_t object = node();
  v8.add_thread(1, 0x7f0000000000, 0x10000, 0x7f0000008000).registers.gpr[Registers::kR12] = object;
  mark();
  EXPECT_TRUE(live(object));
}

TEST_F(Liveness, TheStackIsARootFromTheRedZoneUpwards) {
  constexpr uint64_t kRsp = 0x7f0000008000;
  uint64_t above = node(), at = node(), red = node(), below = node();
  v8.add_thread(1, 0x7f0000000000, 0x10000, kRsp);
  v8.put(kRsp + 0x2000, above);
  v8.put(kRsp, at);
  v8.put(kRsp - 128, red);
  v8.put(kRsp - 136, below);
  v8.put(kRsp - 0x4000, below);
  mark();
  EXPECT_TRUE(live(above) && live(at) && live(red));
  EXPECT_FALSE(live(below)) << "a dead frame";
}

TEST_F(Liveness, MemoryThatCannotBeWrittenIsNoRoot) {
  uint64_t object = node();
  v8.put(v8.binary.allocate(8), object);
  mark();
  EXPECT_FALSE(live(object));
}

TEST_F(Liveness, LeftoversOfTheLastScavengeAreNoRootsAndNotLive) {
  FakePage& from = v8.add_page(Space::kNew, {.flags = kFromPage});
  uint64_t target = node();
  uint64_t old_copy = v8.add(from, {v8.root("fixed_array_map"), smi(1), target});
  v8.keep(old_copy);
  mark();
  EXPECT_FALSE(open.heap->isolates()[0].scavenging);
  EXPECT_FALSE(live(old_copy));
  EXPECT_FALSE(live(target));
}

TEST_F(Liveness, ADyingScavengeIsFollowedThroughItsForwardingAddresses) {
  FakePage& from = v8.add_page(Space::kNew, {.flags = kFromPage});
  uint64_t only_there = node(), copied_target = node();
  uint64_t map = v8.root("fixed_array_map");
  uint64_t not_copied = v8.add(from, {map, smi(1), only_there});
  uint64_t moved = v8.add(from, {map, smi(1), smi(0)}), copy = node({copied_target});
  v8.put(moved - 1, copy - 1);
  uint64_t garbage = v8.add(from, {map, smi(1), smi(0)});
  v8.keep(node({not_copied, moved, not_copied, moved}));
  mark();
  EXPECT_TRUE(open.heap->isolates()[0].scavenging);
  EXPECT_TRUE(live(not_copied) && live(only_there));
  EXPECT_TRUE(live(copy) && live(copied_target));
  EXPECT_FALSE(live(garbage));
}

TEST_F(Liveness, ClearedFromSpaceIsNoScavenge) {
  FakePage& from = v8.add_page(Space::kNew, {.flags = kFromPage});
  uint64_t zeros = from.area_start + 0x100 + 1;
  v8.keep(node({zeros, zeros, zeros, zeros, zeros}));
  mark();
  EXPECT_FALSE(open.heap->isolates()[0].scavenging);
}

TEST_F(Liveness, CanBeStopped) {
  uint64_t object = node();
  v8.keep(object);
  open = v8.open_indexed();
  mark_live_objects(*open.heap, [] { return true; });
  EXPECT_FALSE(live(object));
}

/// 9.x and later keep internalised strings in a native table, which does not keep them alive.
class StringTable : public Liveness {
 protected:
  explicit StringTable(V8Version version = V8Builder::kInChunk) : Liveness(version) {
    for (int i = 0; i < 300; ++i) strings.push_back(v8.string(std::to_string(i), "internalized_string_map"));
  }
  /// Writes the strings, in hashed or in ascending order, with empty and deleted elements in between.
  void write(bool hashed, uint64_t in_the_middle = 0) {
    uint64_t at = v8.allocate(8 * 1024);
    for (size_t i = 0; i < strings.size(); ++i) {
      size_t which = hashed ? i * 157 % strings.size() : i;
      if (i % 3 == 1) v8.put(at + 8, smi(1));
      v8.put(at + 16, strings[which]);
      at += 24;
      if (in_the_middle && i == strings.size() / 2) v8.put(at, in_the_middle);
    }
  }
  size_t live_strings() {
    mark();
    return static_cast<size_t>(std::count_if(strings.begin(), strings.end(), [&](uint64_t s) { return live(s); }));
  }
  std::vector<uint64_t> strings;
};

TEST_F(StringTable, IsWeak) {
  write(true);
  v8.keep(smi(7));  // ends the run
  v8.keep(strings[5]);
  EXPECT_EQ(live_strings(), 1u);
  EXPECT_EQ(stats.string_table_words, strings.size());
}

TEST_F(StringTable, ASortedListOfStringsIsNone) {
  write(false);
  EXPECT_EQ(live_strings(), strings.size());
  EXPECT_EQ(stats.string_table_words, 0u);
}

TEST_F(StringTable, AFewStringsAreNone) {
  strings.resize(90);
  write(true);
  EXPECT_EQ(live_strings(), strings.size());
}

TEST_F(StringTable, OtherStringsAreRoots) {
  for (uint64_t word : strings) v8.put(word - 1, v8.root("one_byte_string_map"));
  write(true);
  EXPECT_EQ(live_strings(), strings.size());
}

class OldStringTable : public StringTable {
 protected:
  OldStringTable() : StringTable({8, 4}) {}
};

TEST_F(OldStringTable, LiesOnTheHeapAndIsWeakThere) {
  v8.keep(v8.fixed_array(strings, "string_table_map"));
  EXPECT_EQ(live_strings(), 0u);
  write(true);
  EXPECT_EQ(live_strings(), strings.size()) << "native runs are roots there";
}

}  // namespace
}  // namespace inquest::v8
