// A pool for one loop at a time: the caller works too, workers spin for a moment and then sleep.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace mbrl {

class ThreadPool {
 public:
    /// `threads` counts the calling thread: 1 starts no worker and takes no lock.
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int threads() const { return static_cast<int>(workers_.size()) + 1; }

    /// Calls body(item, thread) for every item in [0, items). Items are handed out dynamically; `thread` < threads().
    /// The body must not throw. Allocates nothing.
    template <class Body>
    void for_each(int items, Body&& body) {
        run(items, [](void* context, int item, int thread) { (*static_cast<Body*>(context))(item, thread); }, &body);
    }

 private:
    using Call = void (*)(void*, int, int);
    void run(int items, Call call, void* context);
    void work(int thread);
    void take_items(int thread);

    std::vector<std::thread> workers_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::atomic<std::uint64_t> generation_{0};
    std::atomic<int> next_item_{0};
    std::atomic<int> busy_{0};
    std::atomic<bool> stop_{false};
    Call call_ = nullptr;
    void* context_ = nullptr;
    int items_ = 0;
    int process_ = 0;  // a fork copies the pool but not its threads
};

}  // namespace mbrl
