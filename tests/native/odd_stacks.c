/* Stacks that are hard to walk; the first argument says which. Every function is noinline and does something after its
   calls where the call is not meant to be the last thing it does. The functions on the stack are told by unwind.py. */
#define _GNU_SOURCE
#include <alloca.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define FUNCTION __attribute__((noinline, noclone, used))

volatile int sink;
volatile int zero;

FUNCTION void die(void) {
  *(volatile int *)16 = zero;
  ++sink;
}

/* A call through a pointer that leads nowhere. */
typedef void callback(void);
FUNCTION void call_it(callback *function) {
  function();
  ++sink;
}
FUNCTION void calls_null(void) {
  call_it(NULL);
  ++sink;
}
FUNCTION void calls_garbage(void) {
  call_it((callback *)(uintptr_t)0x1234567812345678);
  ++sink;
}
FUNCTION void calls_data(void) {
  static long data[4] = {-1, -1, -1, -1};
  call_it((callback *)(void *)data);
  ++sink;
}

/* The call is the last instruction of the function: the return address lies in the next one. */
FUNCTION __attribute__((noreturn)) void gives_up(void) {
  die();
  _exit(1);
}
FUNCTION void ends_in_call(int deep) {
  if (deep) gives_up();
  ++sink;
}
FUNCTION void noreturn(void) {
  ends_in_call(zero + 1);
  ++sink;
}

/* A signal handler on a stack of its own, below the interrupted one or above. */
static char handler_stack[65536] __attribute__((aligned(16)));
FUNCTION void on_signal(int number) {
  (void)number;
  die();
  ++sink;
}
FUNCTION void interrupted(void) {
  raise(SIGUSR1);
  ++sink;
}
FUNCTION void other_stack(void) {
  stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
  sigaltstack(&stack, NULL);
  sigaction(SIGUSR1, &action, NULL);
  interrupted();
  ++sink;
}

/* A signal handler in a signal handler. */
FUNCTION void outer_handler(int number) {
  (void)number;
  interrupted();
  ++sink;
}
FUNCTION void nested_signals(void) {
  struct sigaction inner = {.sa_handler = on_signal};
  struct sigaction outer = {.sa_handler = outer_handler};
  sigaction(SIGUSR1, &inner, NULL);
  sigaction(SIGUSR2, &outer, NULL);
  raise(SIGUSR2);
  ++sink;
}

/* A program's own way back from signal handlers, which its call frame information calls a plain function, as that of Go does. */
void own_return(void);
__asm__(".text\n"
        ".cfi_startproc\n"
        "nop\n"
        "own_return: mov $15, %rax\n"
        "syscall\n"
        "int3\n"
        ".cfi_endproc\n");
FUNCTION void own_restorer(void) {
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    unsigned long mask;
  } action = {on_signal, 0x04000000 /* SA_RESTORER */, own_return, 0};
  syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8);
  interrupted();
  ++sink;
}

/* Killed by the child while vfork has not returned. */
FUNCTION void vforks(void) {
  if (vfork() == 0) {
    kill(getppid(), SIGABRT);
    _exit(0);
  }
  ++sink;
}
FUNCTION void vforked(void) {
  vforks();
  ++sink;
}

/* A coroutine: its stack begins in __start_context. */
static ucontext_t main_context, routine_context;
FUNCTION void routine(void) {
  die();
  ++sink;
}
FUNCTION void coroutine(void) {
  getcontext(&routine_context);
  routine_context.uc_stack.ss_sp = handler_stack;
  routine_context.uc_stack.ss_size = sizeof handler_stack;
  routine_context.uc_link = &main_context;
  makecontext(&routine_context, routine, 0);
  swapcontext(&main_context, &routine_context);
  ++sink;
}

/* Frames whose size is known at run time, and realigned ones (their CFA is an expression). */
FUNCTION void realigned(char *text) {
  __attribute__((aligned(64))) volatile char room[64];
  room[0] = text[0];
  die();
  sink += room[0];
}
FUNCTION void of_any_size(int size) {
  char *text = alloca((size_t)size);
  memset(text, 1, (size_t)size);
  realigned(text);
  sink += text[size / 2];
}
FUNCTION void dynamic(void) {
  of_any_size(3000 + zero);
  ++sink;
}

/* 40,000 frames of one function. */
FUNCTION int sinks_into(int depth) {
  int result = 0;
  if (depth > 0) {
    result = sinks_into(depth - 1);
  } else {
    die();
  }
  ++sink;
  return result + 1;
}
FUNCTION void deep(void) { sink = sinks_into(40000) + 1; }

/* No end of frames: dies by itself. */
FUNCTION int no_end(volatile int *below) {
  volatile int here[64] = {*below};
  if (here[0] != 0) return 0;
  int result = no_end(here) + 1;
  ++sink;
  return result + here[1];
}
FUNCTION void overflow(void) {
  sink = no_end(&zero) + 1;
}

/* The return address of smashed() and what lies above it are gone. */
FUNCTION void smash(volatile long *at) {
  for (int i = 0; i < 64; ++i) at[i] = 0x4141414141414141;
}
FUNCTION void smashed(void) {
  volatile long room[2] = {0, 0};
  smash(room);
  die();
}
FUNCTION void poisoned(void) {
  volatile long above[80];
  above[0] = 1;
  smashed();
  sink += (int)above[0];
}

/* rbp chains that lead in circles, below code without description. */
FUNCTION void circle(void) {
  unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  /* push %rbp; mov %rsp,%rbp; mov %rbp,(%rbp); mov 0,%eax by null */
  static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0x6d, 0x00, 0x31, 0xc0, 0x8b, 0x00, 0xc3};
  memcpy(page, code, sizeof code);
  ((callback *)(void *)page)();
  ++sink;
}

/* The frame pointer chain of code that nothing describes: three frames of it. */
FUNCTION void undescribed(void) {
  unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned char *out = page;
  /* f(n): push rbp; mov rsp,rbp; sub $32,rsp; test edi,edi; jz out; dec edi; call f; leave; ret; out: call *rsi */
  static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0x85, 0xff, 0x74, 0x09, 0xff, 0xcf,
                                       0xe8, 0xed, 0xff, 0xff, 0xff, 0xc9, 0xc3, 0xff, 0xd6, 0xc9, 0xc3};
  memcpy(out, code, sizeof code);
  ((void (*)(int, callback *))(void *)page)(2, die);
  ++sink;
}

int main(int count, char **words) {
  static const struct {
    const char *name;
    callback *function;
  } kCases[] = {{"null", calls_null},      {"garbage", calls_garbage},     {"data", calls_data},
                {"noreturn", noreturn},    {"other-stack", other_stack},   {"nested-signals", nested_signals},
                {"coroutine", coroutine},  {"dynamic", dynamic},           {"deep", deep},
                {"overflow", overflow},    {"poisoned", poisoned},         {"circle", circle},
                {"undescribed", undescribed}, {"vforked", vforked},       {"own-restorer", own_restorer}};
  for (size_t i = 0; count > 1 && i < sizeof kCases / sizeof kCases[0]; ++i) {
    if (strcmp(words[1], kCases[i].name) == 0) kCases[i].function();
  }
  return 2;
}
