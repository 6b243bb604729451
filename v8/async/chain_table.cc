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

std::vector<int> ChainTable::frames(Chain chain) const {
  std::vector<int> frames;
  for (const Node* node = &nodes_[static_cast<size_t>(chain.id)]; node->frame >= 0;
       node = &nodes_[static_cast<size_t>(node->next)]) {
    frames.push_back(node->frame);
  }
  return frames;
}

ChainEnd ChainTable::end(Chain chain) const { return nodes_[static_cast<size_t>(chain.id)].end; }

}  // namespace inquest::v8
