/* Static probes (USDT) written by hand, as sys/sdt.h writes them, with arguments in every kind of place. Prints what each of them has: one JSON
 * object per hit, and whether somebody listens. */
#include <stdio.h>

__extension__ unsigned short marks_deep_semaphore __attribute__((section(".probes"), used));

#define MARK(name, semaphore, arguments, ...)                                                          \
  __asm__ volatile("990: nop\n"                                                                        \
                   ".pushsection .note.stapsdt,\"?\",\"note\"\n"                                       \
                   ".balign 4\n"                                                                       \
                   ".4byte 992f-991f, 994f-993f, 3\n"                                                  \
                   "991: .asciz \"stapsdt\"\n"                                                         \
                   "992: .balign 4\n"                                                                  \
                   "993: .8byte 990b\n"                                                                \
                   ".8byte _.stapsdt.base\n"                                                           \
                   ".8byte " semaphore "\n"                                                            \
                   ".asciz \"marks\"\n"                                                                \
                   ".asciz \"" name "\"\n"                                                             \
                   ".asciz \"" arguments "\"\n"                                                        \
                   "994: .balign 4\n"                                                                  \
                   ".popsection\n"                                                                     \
                   ".ifndef _.stapsdt.base\n"                                                          \
                   ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"             \
                   ".weak _.stapsdt.base\n"                                                            \
                   ".hidden _.stapsdt.base\n"                                                          \
                   "_.stapsdt.base: .space 1\n"                                                        \
                   ".size _.stapsdt.base, 1\n"                                                         \
                   ".popsection\n"                                                                     \
                   ".endif\n"                                                                          \
                   :                                                                                   \
                   : __VA_ARGS__                                                                       \
                   : "memory")

static long table[4] = {10, -20, 30, -40};

__attribute__((noinline, noipa)) static void wide(long a, int b, unsigned char c, short d, const char *text) {
  /* Register, narrow registers with and without sign, a constant, text. */
  MARK("wide", "0", "8@%0 -4@%1 1@%b2 -2@%w3 4@$77 8@%4", "r"(a), "r"(b), "q"(c), "r"(d), "r"(text));
  printf("{\"mark\": \"wide\", \"args\": [%ld, %d, %u, %d, 77, \"%s\"]}\n", a, b, c, d, text);
}

__attribute__((noinline, noipa)) static void deep(long index) {
  volatile int local = (int)index * -3;
  if (__atomic_load_n(&marks_deep_semaphore, __ATOMIC_RELAXED) == 0) return;
  /* On the stack, in data through a base, an index and a scale. */
  MARK("deep", "marks_deep_semaphore", "-4@%0 -8@(%1,%2,8) -8@8(%1)", "m"(local), "r"(table), "r"(index));
  printf("{\"mark\": \"deep\", \"args\": [%d, %ld, %ld]}\n", local, table[index], table[1]);
}

int main(void) {
  for (int i = 0; i < 4; ++i) {
    wide((long)i << 40, -i, (unsigned char)(254 + i), (short)(i - 2), i % 2 ? "odd" : "even");
    deep(i);
  }
  return 0;
}
