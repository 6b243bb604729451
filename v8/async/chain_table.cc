#include "v8/async/chain_table.h"

#include <ranges>
#include <unordered_set>

namespace inquest::v8 {

ChainTable::ChainTable(const PromiseReader& promises, FrameOf frame_of)
    : promises_(promises), frame_of_(std::move(frame_of)) {
  // One node for each way to end, at its own number.
  for (ChainEnd end : {ChainEnd::kNobody, ChainEnd::kCallback, ChainEnd::kSeveral, ChainEnd::kUnknown}) {
    nodes_.push_back({.end = end});
  }
}

int ChainTable::link(int frame, int next) {
  auto [entry, fresh] = links_.try_emplace({frame, next}, static_cast<int>(nodes_.size()));
  if (fresh) nodes_.push_back({frame, next, nodes_[static_cast<size_t>(next)].end});
  return entry->second;
}

Chain ChainTable::from(uint64_t promise) {
  struct Passed {
    uint64_t promise;
    int frame;
    AsyncStep step;
  };
  std::vector<Passed> passed;
  std::unordered_set<uint64_t> seen;
  int node = ending(ChainEnd::kNobody);
  while (true) {
    if (auto known = known_.find(promise); known != known_.end()) {
      node = known->second;
      break;
    }
    if (!seen.insert(promise).second) {
      node = ending(ChainEnd::kUnknown);
      break;
    }
    AsyncStep step = async_step(promises_, promise);
    if (step.kind == AsyncStep::Kind::kSeveral) {
      node = ending(ChainEnd::kSeveral);
      known_[promise] = node;
      break;
    }
    bool shown = step.kind == AsyncStep::Kind::kFunction || step.kind == AsyncStep::Kind::kCombinator;
    bool waits = step.consumers > 0;
    passed.push_back({promise, shown ? frame_of_(step) : -1, step});
    if (step.next != 0) {
      promise = step.next;
      continue;
    }
    // Nobody waits for the promise of the last `then`, but its function is what all this leads to.
    if (!waits) passed.pop_back();
    if (!passed.empty() && passed.back().step.callback != 0) {
      passed.back().frame = frame_of_(passed.back().step);
      node = ending(ChainEnd::kCallback);
    }
    if (!waits) known_[promise] = ending(ChainEnd::kNobody);
    break;
  }
  for (const Passed& one : std::views::reverse(passed)) {
    if (one.frame >= 0) node = link(one.frame, node);
    known_[one.promise] = node;
  }
  return {node};
}

std::vector<int> ChainTable::frames(Chain chain, size_t most, uint64_t& omitted) const {
  std::vector<int> frames;
  auto node_of = [&](int id) { return &nodes_[static_cast<size_t>(id)]; };
  size_t length = 0;
  for (const Node* node = node_of(chain.id); node->frame >= 0; node = node_of(node->next)) ++length;
  omitted = length > 2 * most + 1 ? length - 2 * most : 0;
  size_t at = 0;
  for (const Node* node = node_of(chain.id); node->frame >= 0; node = node_of(node->next), ++at) {
    if (omitted == 0 || at < most || at >= most + omitted) frames.push_back(node->frame);
    if (omitted != 0 && at == most) frames.push_back(kOmitted);
  }
  return frames;
}

bool ChainTable::passes(Chain chain, int frame, Chain rest) const {
  constexpr int kMaxSteps = 1000;  // there are none but those of a few combinators in between
  auto link = links_.find({frame, rest.id});
  if (link == links_.end()) return false;
  int id = chain.id;
  for (int i = 0; i < kMaxSteps && nodes_[static_cast<size_t>(id)].frame >= 0; ++i) {
    if (id == link->second) return true;
    id = nodes_[static_cast<size_t>(id)].next;
  }
  return false;
}

ChainEnd ChainTable::end(Chain chain) const { return nodes_[static_cast<size_t>(chain.id)].end; }

}  // namespace inquest::v8
