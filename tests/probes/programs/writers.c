/* Dies by a null pointer in a global variable. Comments say what each function does with that variable, and which of its
 * arguments, from 0, it stores: the tests read them. */
#include <stdlib.h>

struct thing {
  long padding[8];
  long value;
};
#define KEPT __attribute__((noinline, noipa))

struct thing *current;
struct {
  long other;
  struct thing *inside;
} pair;
static struct thing a_thing = {{0}, 7};
#ifdef OTHER_BUILD
int other_build(void) { return 1; }
#endif

/* writes */ KEPT void store_second(long number, struct thing *thing) { /* argument 1 */
  a_thing.padding[0] = number;
  current = thing;
}
/* writes */ KEPT void store_after_call(struct thing *thing) { /* argument 0 */
  if (getenv("NEVER")) abort();
  current = thing;
}
/* passes */ KEPT void forward(int number, int other, struct thing *thing) { /* argument 2 */
  store_second(number + other, thing);
}
/* clears */ KEPT void clear(void) { current = 0; }
/* sets */ KEPT void reset_flags(void) { current = (struct thing *)4096; }
/* reads */ KEPT long look(void) { return current ? current->value : 0; }
/* reads */ KEPT void store_other(struct thing *thing) { pair.inside = thing; }

KEPT long use(void) { return current->value; }

int main(int count, char **words) {
  if (count > 5) clear(), reset_flags(), store_after_call(&a_thing), store_other(&a_thing);
  store_second(1, &a_thing);
  if (look() != 7) return 1;
  forward(count, words[0][0], 0);
  return (int)use();
}
