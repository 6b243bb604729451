// Which of many ranges, nested or overlapping, an address lies in innermost: the ranges flattened to a sorted array.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace inquest::dwarf {

template <class Value>
class IntervalMap {
 public:
  void add(uint64_t low, uint64_t high, Value value) {
    if (low < high) items_.push_back({low, high, value});
  }
  void clear() {
    items_.clear();
    pieces_.clear();
  }

  /// After the last `add`. Of the ranges around an address the one that begins last wins, of equal ones the last added.
  void build() {
    auto before = [](const Item& a, const Item& b) { return a.low < b.low; };
    if (!std::is_sorted(items_.begin(), items_.end(), before)) std::stable_sort(items_.begin(), items_.end(), before);
    std::vector<Item> open;
    pieces_.clear();
    pieces_.reserve(items_.size());
    auto close_until = [&](uint64_t limit) {
      while (!open.empty() && open.back().high <= limit) {
        uint64_t end = open.back().high;
        while (!open.empty() && open.back().high <= end) open.pop_back();
        begin_piece(end, open.empty() ? nullptr : &open.back());
      }
    };
    for (const Item& item : items_) {
      close_until(item.low);
      open.push_back(item);
      begin_piece(item.low, &item);
    }
    close_until(UINT64_MAX);
    items_.clear();
  }

  /// The value for `address`, or null.
  const Value* find(uint64_t address) const {
    auto after = std::upper_bound(pieces_.begin(), pieces_.end(), address,
                                  [](uint64_t at, const Piece& piece) { return at < piece.start; });
    return after == pieces_.begin() || !std::prev(after)->covered ? nullptr : &std::prev(after)->value;
  }
  /// Of an address in no range that lies between two: the end of the one before it and the start of the next.
  std::optional<std::pair<uint64_t, uint64_t>> gap_at(uint64_t address) const {
    auto after = std::upper_bound(pieces_.begin(), pieces_.end(), address,
                                  [](uint64_t at, const Piece& piece) { return at < piece.start; });
    if (after == pieces_.begin() || after == pieces_.end() || std::prev(after)->covered) return std::nullopt;
    return std::pair(std::prev(after)->start, after->start);
  }

 private:
  struct Item {
    uint64_t low, high;
    Value value;
  };
  struct Piece {
    uint64_t start;
    Value value;
    bool covered;
  };
  void begin_piece(uint64_t start, const Item* item) {
    Piece piece{start, item ? item->value : Value{}, item != nullptr};
    if (!pieces_.empty() && pieces_.back().start == start)
      pieces_.back() = piece;
    else
      pieces_.push_back(piece);
  }

  std::vector<Item> items_;
  std::vector<Piece> pieces_;
};

}  // namespace inquest::dwarf
