#include "shapes.h"

namespace shapes {

int* volatile nothing = nullptr;
volatile int opaque = 1;

int Circle::draw(const std::vector<int>& values) {
  ENTER("shapes::Circle");
  Probe<double> probe{1.5};
  auto touch = [&probe, this ](int value) __attribute__((always_inline)) {
    ENTER_INLINED("");
    double touched = AT(probe.touch(value)) + radius;
    return static_cast<int>(touched) + opaque;
  };
  int sum = AT(visit(values, touch));
  if (sum < radius) FAIL("too small");
  return sum + opaque;
}

namespace {

INLINED int render(Shape& shape, int depth) {
  ENTER_INLINED("shapes::(anonymous namespace)");
  std::vector<int> values(static_cast<size_t>(depth + 3), 1);
  int sum = AT(shape.draw(values));
  return sum * opaque + static_cast<int>(values.size());
}

}  // namespace

int descend(Shape& shape, int depth) {
  ENTER("shapes");
  if (depth == 0) {
    int sum = AT(render(shape, opaque));
    return sum + opaque;
  }
  int sum = AT(descend(shape, depth - 1)) + depth;
  if (sum < 0) FAIL("overflow");
  return sum * opaque;
}

}  // namespace shapes
