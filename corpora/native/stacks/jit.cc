// Code made at run time: no file, no symbols, no call frame information.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "shapes.h"
#include "threads.h"

namespace threads {
namespace {

using Callback = long (*)();
using Trampoline = long (*)(Callback);

// push %rbp; mov %rsp,%rbp; call *%rdi; pop %rbp; ret
const unsigned char kWithRbp[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
// sub $0x48,%rsp; call *%rdi; add $0x48,%rsp; ret
const unsigned char kWithoutRbp[] = {0x48, 0x83, 0xec, 0x48, 0xff, 0xd7, 0x48, 0x83, 0xc4, 0x48, 0xc3};

Trampoline make_code(const unsigned char* code, size_t size) {
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) FAIL("no memory");
  std::memcpy(page, code, size);
  return reinterpret_cast<Trampoline>(page);
}

OUT_OF_LINE long wait_below() {
  ENTER("threads::(anonymous namespace)");
  long result = AT(truth::ready(), pause());
  return result + shapes::opaque;
}

}  // namespace

void* jit_thread(void*) {
  truth::begin_thread("jit", false);
  ENTER("threads");
  Trampoline code = make_code(kWithRbp, sizeof kWithRbp);
  long result = AT(code(wait_below));
  return reinterpret_cast<void*>(result + shapes::opaque);
}

void* jit_without_rbp_thread(void*) {
  truth::begin_thread("jit-without-rbp", false);
  ENTER("threads");
  Trampoline code = make_code(kWithoutRbp, sizeof kWithoutRbp);
  long result = AT(code(wait_below));
  return reinterpret_cast<void*>(result - shapes::opaque);
}

}  // namespace threads
