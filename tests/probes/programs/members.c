/* Passes structures and prints, one JSON object in a line, what was in them. */
#include <stdio.h>
#include <string.h>

struct type {
  char *names;
  short columns;
  unsigned char *flags;
};
struct terminal {
  long padding;
  struct type type;
  struct terminal *next;
  char title[24];
  int descriptor;
  unsigned char kind;
  _Bool is_open;
  double weight;
  float ratio;
  long double wide;
};

__attribute__((noinline, noipa)) int use(int number, struct terminal *terminal, char *text) {
  __asm__ volatile("" : : "r"(number), "r"(terminal), "r"(text) : "memory");
  return number + 1;
}

static void quoted(const char *text) {
  putchar('"');
  for (; *text; ++text) {
    if (*text == '"' || *text == '\\') putchar('\\');
    putchar(*text);
  }
  putchar('"');
}

int main(void) {
  unsigned char flags[] = "fl\\ags";
  struct terminal terminals[3];
  char names[3][32];
  memset(terminals, 0, sizeof terminals);
  for (int i = 0; i < 3; ++i) {
    sprintf(names[i], "xterm-%d|\"quoted\"", i * 7);
    sprintf(terminals[i].title, "title %d", i * i);
    terminals[i].type.names = names[i];
    terminals[i].type.columns = (short)(80 - 100 * i);
    terminals[i].type.flags = flags;
    terminals[i].next = &terminals[(i + 1) % 3];
    terminals[i].descriptor = -i;
    terminals[i].kind = (unsigned char)(200 + i);
    terminals[i].is_open = i == 1;
    terminals[i].weight = i == 0 ? -1e300 : i / 10.0;
    terminals[i].ratio = (float)i / 3;
  }
  for (int i = 0; i < 3; ++i) {
    struct terminal *now = &terminals[i];
    use(i, now, "text");
    printf("{\"address\": \"%p\", \"names\": ", (void *)now->type.names);
    quoted(now->type.names);
    printf(", \"columns\": %d, \"title\": ", now->type.columns);
    quoted(now->title);
    printf(", \"next_names\": ");
    quoted(now->next->next->type.names);
    printf(", \"descriptor\": %d, \"kind\": %d, \"open\": %s, \"next\": \"%p\"", now->descriptor, now->kind,
           now->is_open ? "true" : "false", (void *)now->next);
    printf(", \"weight\": \"%.17g\", \"ratio\": \"%.9g\"}\n", now->weight, (double)now->ratio);
  }
  use(3, (struct terminal *)16, "bad");
  return 0;
}
