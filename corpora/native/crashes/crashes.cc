// Dies in the way that its argument names, after printing as JSON what it knows about its death: `address` is the one
// that the processor will refuse. Written so that optimisers keep the mistake: pointers come from memory that they
// cannot see through, functions are not inlined.
#include <alloca.h>
#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <exception>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>

#define KEEP __attribute__((noinline, noclone))

namespace {

void tell(const char* what, const void* address = nullptr) {
  printf("{\"case\": \"%s\", \"address\": \"0x%lx\", \"pid\": %d}\n", what, reinterpret_cast<unsigned long>(address),
         getpid());
  fflush(stdout);
}

struct Node {
  long value;
  Node* next;
  Node* previous;
};

struct Config {
  long pad[4];
  Node* first;
};

}  // namespace

// Visible names: what an explanation should call them. Volatile, so that nothing is known about them.
extern "C" {
Node* volatile head_of_list = nullptr;
Config* volatile the_config = nullptr;
void (*volatile the_callback)(int) = nullptr;
volatile int the_divisor = 0;
volatile int the_minimum = INT32_MIN;
char* volatile the_text = nullptr;
char* volatile the_buffer = nullptr;
volatile long sink = 0;
}

extern "C" KEEP long read_through_global() { return head_of_list->next->value; }

extern "C" KEEP long remove_node(Node* node) {
  sink = 1;
  return node->previous->value;
}
extern "C" KEEP long unlink_first(Config* config) { return remove_node(config->first) + 1; }

extern "C" KEEP long sum_list(Node* node) {
  long sum = 0;
  while (sum != 123456789) {
    sum += node->value;
    sink = sum;
    node = node->next;
  }
  return sum;
}

extern "C" KEEP long read_buffer(const char* buffer, long index) { return buffer[index]; }
extern "C" KEEP void write_text(char* text) { text[0] = 'x'; }
extern "C" KEEP void run_callback(int argument) {
  the_callback(argument);
  sink = sink + 1;
}
extern "C" KEEP int divide(int a, int b) { return a / b; }
extern "C" KEEP long deep(long n) {
  volatile char room[200];
  room[0] = static_cast<char>(n);
  sink = sink + room[0];
  return deep(n + 1) + room[0];
}
extern "C" KEEP size_t measure(const char* text) { return strlen(text) + 1; }
extern "C" KEEP void copy_in(char* to, size_t count) {
  memcpy(to, "0123456789012345678901234567890123456789", count);
  sink = to[0];
}
extern "C" KEEP void check_positive(long value) { assert(value > 0); }
extern "C" KEEP void smash(const char* text) {
  char small[8];
  strcpy(small, text);
  sink = small[0];
}

struct Base {
  Base();
  virtual ~Base() {}
  virtual int speak() = 0;
};
extern "C" KEEP int call_speak(Base* base) { return base->speak(); }
Base::Base() { sink = call_speak(this); }
struct Derived : Base {
  int speak() override { return 1; }
};

struct OwnError : std::runtime_error {
  explicit OwnError(const std::string& text) : std::runtime_error(text), number(7) {}
  int number;
};
struct PlainError : std::exception {
  const char* what() const noexcept override { return "a plain error"; }
};
extern "C" KEEP void throw_own() { throw OwnError("cannot open the door"); }
extern "C" KEEP void no_escape() noexcept { throw_own(); }
// One byte of a page each, where the buffer ends at a page.
static char* two_pages() {
  return static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void on_fault(int signal) {
  ::signal(signal, SIG_DFL);
  raise(signal);
}
static void on_fault_abort(int) { abort(); }
static void* overflow_in_thread(void*) {
  sink = deep(0);
  return nullptr;
}

static void use_stack_for_signals(void (*handler)(int)) {
  static char room[65536];
  stack_t stack = {};
  stack.ss_sp = room;
  stack.ss_size = sizeof room;
  sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGSEGV, &action, nullptr);
}

int main(int argc, char** argv) {
  std::map<std::string, std::function<void()>> cases;
  static Config config = {};
  cases["null-global"] = [] {
    tell("null-global", reinterpret_cast<void*>(offsetof(Node, next)));
    sink = read_through_global();
  };
  cases["null-argument"] = [] {
    config.first = nullptr;
    the_config = &config;
    tell("null-argument", reinterpret_cast<void*>(offsetof(Node, previous)));
    sink = unlink_first(the_config);
  };
  cases["null-chain"] = [] {
    static Node node = {1, nullptr, nullptr};
    head_of_list = &node;
    tell("null-chain", nullptr);
    sink = read_through_global();
  };
  cases["null-in-list"] = [] {
    static Node last = {3, nullptr, nullptr}, first = {1, &last, nullptr};
    tell("null-in-list", nullptr);
    sink = sum_list(&first);
  };
  cases["munmap"] = [] {
    char* pages = two_pages();
    the_buffer = pages;
    sink = read_buffer(the_buffer, 0);
    munmap(pages, 8192);
    tell("munmap", pages + 4096);
    sink = read_buffer(the_buffer, 4096);
  };
  cases["stack-overflow"] = [] {
    tell("stack-overflow");
    sink = deep(0);
  };
  cases["stack-overflow-handled"] = [] {
    // On the stack that has no room: the kernel cannot call it.
    signal(SIGSEGV, on_fault);
    tell("stack-overflow-handled");
    sink = deep(0);
  };
  cases["stack-overflow-thread"] = [] {
    tell("stack-overflow-thread");
    pthread_t thread;
    pthread_create(&thread, nullptr, overflow_in_thread, nullptr);
    pthread_join(thread, nullptr);
  };
  cases["null-call"] = [] {
    tell("null-call");
    run_callback(1);
  };
  cases["bad-call"] = [] {
    the_callback = reinterpret_cast<void (*)(int)>(0x123456000);
    tell("bad-call", reinterpret_cast<void*>(0x123456000));
    run_callback(1);
  };
  cases["heap-call"] = [] {
    void* code = malloc(64);
    memset(code, 0xc3, 64);
    the_callback = reinterpret_cast<void (*)(int)>(code);
    tell("heap-call", code);
    run_callback(1);
  };
  cases["noncanonical-call"] = [] {
    the_callback = reinterpret_cast<void (*)(int)>(0x4141414141414141);
    tell("noncanonical-call", reinterpret_cast<void*>(0x4141414141414141));
    run_callback(1);
  };
  cases["assert"] = [] {
    tell("assert");
    check_positive(-sink);
  };
  cases["abort"] = [] {
    tell("abort");
    abort();
  };
  cases["uncaught"] = [] {
    tell("uncaught");
    throw_own();
  };
  cases["uncaught-plain"] = [] {
    tell("uncaught-plain");
    throw PlainError();
  };
  cases["uncaught-int"] = [] {
    tell("uncaught-int");
    throw 42;
  };
  cases["noexcept"] = [] {
    tell("noexcept");
    no_escape();
  };
  cases["nested"] = [] {
    tell("nested");
    try {
      throw_own();
    } catch (...) {
      std::throw_with_nested(std::logic_error("while entering"));
    }
  };
  cases["rethrown"] = [] {
    tell("rethrown");
    std::exception_ptr kept;
    try {
      throw_own();
    } catch (...) {
      kept = std::current_exception();
    }
    std::rethrow_exception(kept);
  };
  cases["terminate"] = [] {
    tell("terminate");
    std::terminate();
  };
  cases["pure-virtual"] = [] {
    tell("pure-virtual");
    sink = reinterpret_cast<long>(new Derived);
  };
  cases["sigbus"] = [] {
    char name[] = "beyondXXXXXX";
    int file = mkstemp(name);
    if (ftruncate(file, 100) != 0) return;
    char* pages = static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    the_buffer = pages;
    tell("sigbus", pages + 4096);
    sink = read_buffer(the_buffer, 4096);
  };
  cases["divide"] = [] {
    tell("divide");
    sink = divide(7, the_divisor);
  };
  cases["divide-minimum"] = [] {
    the_divisor = -1;
    tell("divide-minimum");
    sink = divide(the_minimum, the_divisor);
  };
  cases["illegal"] = [] {
    tell("illegal");
    if (sink == 0) __builtin_trap();
  };
  cases["breakpoint"] = [] {
    tell("breakpoint");
    __asm__ volatile("int3");
  };
  cases["read-only"] = [] {
    static const char text[] = "constant";
    the_text = const_cast<char*>(text);
    tell("read-only", text);
    write_text(the_text);
  };
  cases["non-canonical"] = [] {
    head_of_list = reinterpret_cast<Node*>(0x6161616161616161);
    tell("non-canonical", reinterpret_cast<void*>(0x6161616161616161 + offsetof(Node, next)));
    sink = read_through_global();
  };
  cases["strlen-null"] = [] {
    tell("strlen-null");
    sink = static_cast<long>(measure(the_text));
  };
  cases["memcpy-null"] = [] {
    tell("memcpy-null");
    copy_in(the_text, static_cast<size_t>(20 + sink));
  };
  cases["double-free"] = [] {
    tell("double-free");
    char* volatile kept = static_cast<char*>(malloc(40));
    free(kept);
    free(kept);
  };
  cases["stack-smash"] = [] {
    tell("stack-smash");
    the_text = const_cast<char*>("a text that is far too long for eight bytes of room, so that it runs over");
    smash(the_text);
  };
  cases["handler-raise"] = [] {
    use_stack_for_signals(on_fault);
    tell("handler-raise", reinterpret_cast<void*>(offsetof(Node, next)));
    sink = read_through_global();
  };
  cases["handler-abort"] = [] {
    use_stack_for_signals(on_fault_abort);
    tell("handler-abort", reinterpret_cast<void*>(offsetof(Node, next)));
    sink = read_through_global();
  };
  cases["alarm-abort"] = [] {
    signal(SIGALRM, on_fault_abort);
    tell("alarm-abort");
    alarm(1);
    while (true) pause();
  };
  cases["from-outside"] = [] {
    tell("from-outside");
    while (true) pause();
  };
  auto found = cases.find(argc > 1 ? argv[1] : "");
  if (found == cases.end()) {
    for (const auto& [name, run] : cases) puts(name.c_str());
    return 2;
  }
  std::function<void()> run = found->second;
  run();
  puts("{\"error\": \"still alive\"}");
  return 0;
}
