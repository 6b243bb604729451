/* Resets the terminal the way a library might: through two functions that jump on instead of calling, so that neither
 * is on the stack of the call that does the harm. */
#include <curses.h>
#include <term.h>

TERMINAL *reload_terminal(int level);

__attribute__((noinline)) static TERMINAL *drop_terminal(int level) {
  __asm__ volatile("" : : "r"(level));
  return set_curterm((TERMINAL *)0);
}

__attribute__((noinline)) TERMINAL *reload_terminal(int level) {
  __asm__ volatile("" : : "r"(level));
  return drop_terminal(level + 1);
}
