// The way down to the crash: templates, virtual functions, lambdas, recursion, inlined and not.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "truth.h"

#ifdef __cpp_exceptions
#include <stdexcept>
#define FAIL(TEXT) throw std::runtime_error(TEXT)
#else
#include <cstdlib>
#define FAIL(TEXT) std::abort()
#endif

namespace shapes {

extern int* volatile nothing;  ///< null, and the compiler must not know
extern volatile int opaque;    ///< 1

INLINED int poke(int value) {
  ENTER_INLINED("shapes");
  AT(truth::print(8)), *nothing = value;  // the crash
  return value;
}

template <typename T>
struct Probe {
  T weight;
  OUT_OF_LINE T touch(int value) {
    ENTER("shapes::Probe");
    if (value < 0) FAIL("negative");  // makes the compiler split the function into a hot and a cold part
    T result = AT(poke(value)) + weight;
    return result * opaque;
  }
};

template <typename Function>
OUT_OF_LINE int visit(const std::vector<int>& values, Function function) {
  ENTER("shapes");
  int sum = opaque;
  for (int value : values) {
    sum += AT(function(value));
  }
  return sum;
}

struct Shape {
  virtual ~Shape() = default;
  virtual int draw(const std::vector<int>& values) = 0;
};

struct Circle final : Shape {
  int radius = opaque;
  OUT_OF_LINE int draw(const std::vector<int>& values) override;
};

struct Painter {
  std::vector<std::unique_ptr<Shape>> shapes;
  OUT_OF_LINE int paint(int depth);
};

OUT_OF_LINE int descend(Shape& shape, int depth);

}  // namespace shapes
