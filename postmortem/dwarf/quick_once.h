// std::call_once for what is asked for in inner loops: libstdc++'s goes through thread-local storage and pthread_once
// even when all has been done, 10 ns that add up to a tenth of reading DIEs.
#pragma once

#include <atomic>
#include <mutex>

namespace inquest::dwarf {

class QuickOnce {
 public:
  template <class Work>
  void run(Work&& work) {
    if (done_.load(std::memory_order_acquire)) return;
    std::call_once(flag_, [&] {
      work();
      done_.store(true, std::memory_order_release);
    });
  }

 private:
  std::once_flag flag_;
  std::atomic<bool> done_ = false;
};

}  // namespace inquest::dwarf
