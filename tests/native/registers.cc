// Dies with arguments in vector registers, called through a function with a parameter pack. What the pack holds is
// compared with what stands here.
#define NOI __attribute__((noinline, noipa))  // noipa is gcc's: constants are passed all the same
volatile double sink;
NOI void crash(float f, double d, int* bad, float g, long n, double h) {
  // Wants them where it dies.
  asm volatile("movl $1, (%0)" : : "r"(bad), "x"(f), "x"(d), "x"(g), "r"(n), "x"(h) : "memory");
  sink = f * d + g + static_cast<double>(n) * h;
}
template <class... T>
NOI void pack(int n, T... rest) {
  crash(1.5f, 2.5, nullptr, -0.25f, n, 1e100);
  ((sink = sizeof(rest)), ...);
  ((sink = *reinterpret_cast<volatile char*>(&rest)), ...);
}
int main() {
  pack(3, 7, 2.5, "text");
  return 0;
}
