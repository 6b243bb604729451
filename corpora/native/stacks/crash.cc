#include "crash.h"

#include "shapes.h"

namespace shapes {

int Painter::paint(int depth) {
  ENTER("shapes::Painter");
  std::function<int(Shape&)> brush = [depth](Shape & shape) __attribute__((noinline)) {
    ENTER("");
    int sum = AT(descend(shape, depth));
    return sum + opaque;
  };
  int sum = 0;
  for (auto& shape : shapes) {
    sum += AT(brush(*shape));
  }
  return sum + opaque;
}

}  // namespace shapes

INLINED static int start(shapes::Painter& painter) {
  ENTER_INLINED("");
  painter.shapes.push_back(std::make_unique<shapes::Circle>());
  int sum = AT(painter.paint(2));
  return sum + shapes::opaque;
}

void* crash_thread(void*) {
  truth::begin_thread("crash");
  ENTER("");
  shapes::Painter painter;
  int sum = AT(start(painter));
  return reinterpret_cast<void*>(static_cast<long>(sum + shapes::opaque));
}
