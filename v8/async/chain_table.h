// Chains of waiting functions, shared: ten thousand requests that wait alike have one chain.
#pragma once

#include <functional>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "v8/async/async_report.h"
#include "v8/async/async_tail.h"

namespace inquest::v8 {

/// A chain from one promise outwards. Equal chains have equal ids.
struct Chain {
  int id = 0;  ///< 0: nobody waits
};

class ChainTable {
 public:
  /// `frame_of` gives a number to what waits, the same for what looks the same; below 0 for what is not shown.
  using FrameOf = std::function<int(const AsyncStep&)>;
  ChainTable(const PromiseReader& promises, FrameOf frame_of);

  Chain from(uint64_t promise);
  /// The frames of the chain. Of a long one only `most` at both ends, with kOmitted between them; `omitted` says how
  /// many that stands for.
  std::vector<int> frames(Chain chain, size_t most, uint64_t& omitted) const;
  static constexpr int kOmitted = -1;
  /// Whether `chain` passes through `frame` and is `rest` from there on.
  bool passes(Chain chain, int frame, Chain rest) const;
  ChainEnd end(Chain chain) const;

 private:
  struct Node {
    int frame = -1;  ///< -1 at the end
    int next = 0;
    ChainEnd end = ChainEnd::kNobody;
  };
  int ending(ChainEnd end) const { return static_cast<int>(end); }
  int link(int frame, int next);

  const PromiseReader& promises_;
  FrameOf frame_of_;
  std::vector<Node> nodes_;
  std::map<std::pair<int, int>, int> links_;
  std::unordered_map<uint64_t, int> known_;  ///< promise -> node
};

}  // namespace inquest::v8
