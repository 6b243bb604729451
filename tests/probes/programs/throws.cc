// Throws ten kinds of exceptions through functions of its own, and prints of each its type and the functions it went
// through: one JSON object per line, innermost function first.
#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>

#define KEPT __attribute__((noinline, noipa))

namespace {

std::vector<const char*> path;  // of the functions that are running

struct Step {
  explicit Step(const char* name) { path.push_back(name); }
  ~Step() { path.pop_back(); }
};
#define STEP Step step(__func__)

std::vector<const char*> at_throw;

void note() { at_throw = path; }

struct Plain {
  int number = 7;
};
struct Derived : std::runtime_error {
  Derived() : std::runtime_error("derived") {}
};
template <class T>
struct Wrapped {
  T value;
};

}  // namespace

namespace shop {
class OutOfStock : public std::exception {};
enum class Colour { kRed };
}  // namespace shop

// The names are those that the functions have in the program.
KEPT void throw_int() {
  STEP;
  note();
  throw 1;
}
KEPT void throw_text() {
  STEP;
  note();
  throw "text";
}
KEPT void throw_plain() {
  STEP;
  note();
  throw Plain();
}
KEPT void throw_derived() {
  STEP;
  note();
  throw Derived();
}
KEPT void throw_template() {
  STEP;
  note();
  throw Wrapped<long>{1};
}
KEPT void throw_string() {
  STEP;
  note();
  throw std::string("string");
}
KEPT void throw_logic() {
  STEP;
  note();
  throw std::out_of_range("range");
}
KEPT void throw_class() {
  STEP;
  note();
  throw shop::OutOfStock();
}
KEPT void throw_enum() {
  STEP;
  note();
  throw shop::Colour::kRed;
}
KEPT void throw_pointer() {
  STEP;
  note();
  static Plain plain;
  throw &plain;
}

KEPT void middle(void (*thrower)(), int depth) {
  STEP;
  if (depth > 0)
    middle(thrower, depth - 1);
  else
    thrower();
  __asm__ volatile("");
}

KEPT void try_one(void (*thrower)(), int depth) {
  STEP;
  std::string type;
  try {
    middle(thrower, depth);
  } catch (...) {
    int status = 0;
    std::unique_ptr<char, void (*)(void*)> name(
        abi::__cxa_demangle(abi::__cxa_current_exception_type()->name(), nullptr, nullptr, &status), std::free);
    type = name ? name.get() : "";
  }
  std::printf("{\"thrown\": \"%s\", \"path\": [", type.c_str());
  for (size_t i = at_throw.size(); i-- > 0;) std::printf("\"%s\"%s", at_throw[i], i > 0 ? ", " : "");
  std::printf("]}\n");
}

int main() {
  STEP;
  int depth = 0;
  for (auto thrower : {throw_int, throw_text, throw_plain, throw_derived, throw_template, throw_string, throw_logic,
                       throw_class, throw_enum, throw_pointer})
    try_one(thrower, depth++ % 4);
  return 0;
}
