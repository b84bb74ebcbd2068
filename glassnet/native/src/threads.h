// Independent tasks of one call, spread over the thread pool of XLA and the calling thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "xla/ffi/api/ffi.h"

namespace glassnet {

// Calls under way in this process: they share the cores.
inline std::atomic<int> calls{0};

struct Call {
  Call() { ++calls; }
  ~Call() { --calls; }
};

// Runs task(0), ..., task(count - 1) once each, in any order; returns when all are done. Helpers are asked for only
// if the work, in gaps touched, is worth waking them.
template <class Task>
void for_all(xla::ffi::ThreadPool& pool, int count, int64_t work, const Task& task) {
  constexpr int64_t WORTH = 1 << 19;
  struct Progress {
    std::atomic<int> next{0}, done{0};
  };
  auto progress = std::make_shared<Progress>();
  const auto serve = [progress, count, &task] {
    for (int n; (n = progress->next++) < count;) {
      task(n);
      ++progress->done;
    }
  };
  const int64_t cores = pool.num_threads() / std::max(1, calls.load());
  const int64_t helpers = std::min<int64_t>({cores - 1, int64_t(count) - 1, work / WORTH});
  for (int64_t h = 0; h < helpers; h++) pool.Schedule([serve] { serve(); });
  serve();
  while (progress->done < count) std::this_thread::yield();
}

}  // namespace glassnet
