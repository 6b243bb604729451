// What all units of the large program share: a chain of calls through inlined functions, lambdas, virtual functions
// and templates, which each unit instantiates for types of its own.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

namespace body {

/// One thread's way down: through the units of `route`, then `arrived`.
struct Journey {
  const int* route;
  int left;
  void (*arrived)(Journey&);
  uint64_t sum = 0;
};

using Entry = uint64_t (*)(Journey&);
extern const Entry kEntries[];  ///< one per unit, in the generated table

/// On to the next unit of the route, or to its end. Not a tail call: the result is used after it.
[[gnu::noinline]] uint64_t travel(Journey& journey);

template <typename T>
inline uint64_t fold(const T& value) {
  return std::hash<T>{}(value)*0x9e3779b97f4a7c15U;
}

/// A value of a unit's own type; `Tag` makes every instantiation another one.
template <typename Tag, typename T, int N>
struct Cell {
  T value{};
  std::array<T, N> history{};
  int used = 0;

  void store(T next) {
    history[used++ % N] = std::move(value);
    value = std::move(next);
  }
  uint64_t digest() const {
    uint64_t sum = fold(value);
    for (const auto& old : history) sum ^= fold(old) + (sum << 6);
    return sum;
  }
  friend bool operator<(const Cell& left, const Cell& right) { return left.value < right.value; }
  friend bool operator==(const Cell& left, const Cell& right) { return left.value == right.value; }
};

template <typename Tag>
struct Node {
  virtual ~Node() = default;
  virtual uint64_t weigh(Journey& journey) const = 0;
};

template <typename Tag, typename Function>
struct Leaf final : Node<Tag> {
  Function function;
  explicit Leaf(Function body) : function(std::move(body)) {}
  uint64_t weigh(Journey& journey) const override { return function(journey) + 1; }
};

template <typename Tag, typename Function>
std::unique_ptr<Node<Tag>> leaf(Function function) {
  return std::make_unique<Leaf<Tag, Function>>(std::move(function));
}

/// Containers of cells, used so that the compiler has to make their code.
template <typename Tag, typename Key, int N>
struct Store {
  using Value = Cell<Tag, Key, N>;
  std::map<Key, Value> ordered;
  std::unordered_map<Key, std::shared_ptr<Value>> hashed;
  std::vector<Value> rows;
  std::deque<std::pair<Key, Value>> queue;
  std::set<Key> keys;

  void insert(const Key& key) {
    Value value;
    value.store(key);
    ordered.insert_or_assign(key, value);
    hashed[key] = std::make_shared<Value>(value);
    rows.push_back(value);
    queue.emplace_back(key, value);
    keys.insert(key);
  }
  template <typename Less>
  uint64_t sorted(Less less) {
    std::sort(rows.begin(), rows.end(), less);
    std::stable_sort(queue.begin(), queue.end(),
                     [](const auto& left, const auto& right) { return right.second < left.second; });
    uint64_t sum = std::accumulate(rows.begin(), rows.end(), uint64_t{0},
                                   [](uint64_t so_far, const Value& row) { return so_far * 31 + row.digest(); });
    for (const auto& [key, value] : ordered) sum ^= value.digest();
    for (const auto& [key, value] : hashed) sum += value->digest();
    rows.erase(std::remove_if(rows.begin(), rows.end(), [](const Value& row) { return row.used > N; }), rows.end());
    return sum + keys.size() + queue.size();
  }
};

template <typename Tag, typename... Types>
struct Choice {
  std::variant<Types...> value;
  std::vector<std::variant<Types...>> all;
  uint64_t visit() const {
    uint64_t sum = std::visit([](const auto& held) { return fold(held); }, value);
    for (const auto& other : all) {
      sum += std::visit([](const auto& held, const auto& before) { return fold(held) ^ fold(before); }, other, value);
    }
    return sum;
  }
};

/// Arithmetic as types: a tree of N levels, each of them inlined into the one above.
template <typename Tag, int N>
struct Tower {
  static uint64_t climb(uint64_t value) { return Tower<Tag, N - 1>::climb(value * N + 1) ^ (value >> (N % 13)); }
};
template <typename Tag>
struct Tower<Tag, 0> {
  static uint64_t climb(uint64_t value) { return value; }
};

template <typename Tag>
inline uint64_t step(Journey& journey, const std::vector<std::unique_ptr<Node<Tag>>>& nodes) {
  uint64_t sum = 0;
  for (const auto& node : nodes) sum += node->weigh(journey);
  return Tower<Tag, 24>::climb(sum);
}

}  // namespace body
