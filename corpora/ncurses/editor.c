/* A curses program that dies in doupdate, long after the call that is to blame. */
#include <curses.h>
#include <stdio.h>
#include <stdlib.h>

struct term;
struct term *reload_terminal(int level);

__attribute__((noinline)) static void handle_resize(int level) {
  if (!reload_terminal(level)) exit(1);
}

__attribute__((noinline)) static void redraw(void) {
  clear();
  refresh();
}

int main(int argc, char **argv) {
  (void)argv;
  initscr();
  addstr("hello");
  refresh();
  handle_resize(argc);
  napms(20); /* the crash is far from its cause */
  redraw();
  endwin();
  return 0;
}
