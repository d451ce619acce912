// Work shared between threads. Threads are started per call: that costs tens of microseconds, and leaves
// nothing behind that a fork could break.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace atomsmith {

// Calls work(item, thread) for every item; which thread takes an item is not fixed, so results must not
// depend on it.
template <class Work>
void parallel_for(int n_items, int n_threads, const Work& work) {
    n_threads = std::max(1, std::min(n_threads, n_items));
    if (n_threads == 1) {
        for (int item = 0; item < n_items; ++item) work(item, 0);
        return;
    }
    std::atomic<int> next{0};
    std::exception_ptr failure;
    std::mutex guard;
    const auto run = [&](int thread) {
        try {
            for (int item; (item = next.fetch_add(1, std::memory_order_relaxed)) < n_items;)
                work(item, thread);
        } catch (...) {
            const std::lock_guard<std::mutex> lock(guard);
            failure = std::current_exception();
        }
    };
    std::vector<std::thread> threads;
    threads.reserve(n_threads - 1);
    for (int t = 1; t < n_threads; ++t) threads.emplace_back(run, t);
    run(0);
    for (auto& thread : threads) thread.join();
    if (failure) std::rethrow_exception(failure);
}

} // namespace atomsmith
