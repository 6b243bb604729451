// Goes as deep as asked, then crashes there.
#include <cstdio>
#include <cstdlib>

namespace {

int* volatile nothing = nullptr;

}  // namespace

/// Keeps a variable whose address its callee has: no frame can be left out or shared.
[[gnu::noinline]] long descend(long left, const long* above) {
  if (left == 0) {
    *nothing = 1;
    return *above;
  }
  long here = left ^ *above;
  long below = descend(left - 1, &here);
  return below + here;
}

int main(int count, char** words) {
  long zero = 0;
  std::printf("%ld\n", descend(count > 1 ? std::atol(words[1]) - 2 : 1000, &zero));
}
