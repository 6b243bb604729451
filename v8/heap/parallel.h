// Work on many pages by all processors.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace inquest::v8 {

/// Threads worth starting; INQUEST_THREADS is not consulted: all runs behave alike.
inline size_t worker_count() { return std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 16); }

/// Runs job(worker, index) for every index below `count`; indexes are handed out one by one in ascending order.
template <class Job>
void parallel_for(size_t count, size_t workers, Job&& job) {
  std::atomic<size_t> next{0};
  auto run = [&](size_t worker) {
    for (size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) job(worker, i);
  };
  std::vector<std::thread> threads;
  for (size_t worker = 1; worker < std::min(workers, count); ++worker) threads.emplace_back(run, worker);
  run(0);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace inquest::v8
