// Functions inlined into one another above the one that is probed, and exceptions thrown through it.
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

namespace shop {

struct Basket {
  std::vector<int> items;
  __attribute__((noinline)) long weigh(int factor) const;
};

__attribute__((noinline)) long Basket::weigh(int factor) const {
  asm volatile("" : : : "memory");
  long sum = 0;
  for (int item : items) sum += item * factor;
  if (factor > 8) throw std::runtime_error("too heavy");
  return sum;
}

template <class Visitor>
inline __attribute__((always_inline)) long visit(const Basket& basket, Visitor visitor) {
  long result = visitor(basket);
  asm volatile("" : "+r"(result));
  return result;
}

struct Weigher {
  int factor;
  __attribute__((always_inline)) long operator()(const Basket& basket) const { return basket.weigh(factor); }
};

inline __attribute__((always_inline)) long total(const Basket& basket, int factor) {
  return visit(basket, Weigher{factor}) + 1;
}

__attribute__((noinline)) long checkout(const Basket& basket, int factor) {
  long sum = total(basket, factor);
  asm volatile("" : "+r"(sum));
  return sum * 2;
}

}  // namespace shop

int main(int argc, char**) {
  shop::Basket basket{{1, 2, 3}};
  long sum = 0;
  for (int factor = argc; factor < argc + 2; ++factor) sum += shop::checkout(basket, factor);
  try {
    sum += shop::checkout(basket, 9);
  } catch (const std::exception& error) {
    std::printf("{\"caught\": \"%s\", \"sum\": %ld}\n", error.what(), sum);
  }
}
