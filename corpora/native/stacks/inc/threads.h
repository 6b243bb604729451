#pragma once

namespace threads {

void* condition_thread(void*);
void* read_thread(void*);
void* clock_thread(void*);   ///< always in the vdso, or on its way there
void* signal_thread(void*);  ///< waits in a signal handler
void* sort_thread(void*);
void* jit_thread(void*);              ///< waits below code made at run time that keeps a frame pointer
void* jit_without_rbp_thread(void*);  ///< below code that does not, and that nothing describes

}  // namespace threads
