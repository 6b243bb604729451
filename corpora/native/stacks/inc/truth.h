// What a thread knows about its own stack: every function of this program says where it is before it calls on, and the
// thread that crashes prints what all of them said. The attributes make sure what is inlined and what is not.
#pragma once

#define INLINED [[gnu::always_inline]] inline
#define OUT_OF_LINE [[gnu::noinline]]

// First thing in a function. SCOPE is what stands before its name ("shapes::Circle"), "" for lambdas and global
// functions.
#define ENTER(SCOPE) truth::Frame truth_frame(SCOPE, __func__, __FILE__, false)
#define ENTER_INLINED(SCOPE) truth::Frame truth_frame(SCOPE, __func__, __FILE__, true)
// Around each call, on one line with it.
#define AT(...) (truth_frame.line(__LINE__), __VA_ARGS__)

namespace truth {

class Frame {
 public:
  Frame(const char* scope, const char* function, const char* file, bool inlined);
  ~Frame();
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  void line(int number);

 private:
  int index_;
};

/// First thing in a thread; `walkable`: its stack can be walked by call frame information alone. `sleeps`: it will
/// wait in the kernel, and is ready once it does.
void begin_thread(const char* role, bool walkable = true, bool sleeps = true);
/// The last thing a thread says.
void ready();
/// Waits until `threads` threads are ready and asleep, then prints what all said, as JSON.
void print(int threads);

}  // namespace truth
