#include "core/thread_pool.hpp"

#include <unistd.h>

#include <chrono>

namespace mbrl {
namespace {

/// Long enough to catch the next iteration of a plan, short enough not to burn a core between plans.
constexpr auto kSpin = std::chrono::microseconds(20);

void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// Spins until `ready()` or until the spinning time is over. Returns whether it became ready.
template <class Ready>
bool spin_until(Ready ready) {
    const auto end = std::chrono::steady_clock::now() + kSpin;
    do {
        for (int i = 0; i < 32; ++i) {
            if (ready()) return true;
            pause();
        }
    } while (std::chrono::steady_clock::now() < end);
    return false;
}

}  // namespace

ThreadPool::ThreadPool(int threads) : process_(getpid()) {
    for (int thread = 1; thread < threads; ++thread) workers_.emplace_back([this, thread] { work(thread); });
}

ThreadPool::~ThreadPool() {
    if (process_ != getpid()) {  // in a forked child there is nobody to join
        for (auto& worker : workers_) worker.detach();
        return;
    }
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
}

void ThreadPool::run(int items, Call call, void* context) {
    if (workers_.empty() || items <= 1 || process_ != getpid()) {
        for (int item = 0; item < items; ++item) call(context, item, 0);
        return;
    }
    call_ = call;
    context_ = context;
    items_ = items;
    next_item_.store(0, std::memory_order_relaxed);
    busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    {
        std::lock_guard lock(mutex_);
        generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    take_items(0);
    // Every worker must have left the loop before the body's captures go out of scope.
    while (busy_.load(std::memory_order_acquire) != 0) {
        if (!spin_until([this] { return busy_.load(std::memory_order_acquire) == 0; })) std::this_thread::yield();
    }
}

void ThreadPool::take_items(int thread) {
    for (int item = next_item_.fetch_add(1, std::memory_order_relaxed); item < items_;
         item = next_item_.fetch_add(1, std::memory_order_relaxed)) {
        call_(context_, item, thread);
    }
}

void ThreadPool::work(int thread) {
    std::uint64_t seen = 0;
    for (;;) {
        const auto ready = [&] { return stop_.load() || generation_.load(std::memory_order_acquire) != seen; };
        if (!spin_until(ready)) {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, ready);
        }
        if (stop_) return;
        seen = generation_.load(std::memory_order_acquire);
        take_items(thread);
        busy_.fetch_sub(1, std::memory_order_release);
    }
}

}  // namespace mbrl
