// What a Controller counts: written by its threads, read by any.
#pragma once

#include <atomic>
#include <cstdint>

namespace mbrl {

struct Counts {
    long long plans = 0;             // made
    long long missed_deadlines = 0;  // of these: cut off by the budget, or later than it
    long long failed_plans = 0;      // of these: no candidate could be evaluated, nothing was handed over
    long long stale_states = 0;      // replan() found no state younger than stale_after
    long long refused_states = 0;    // measure() was given a number that is not finite, or lacked an input
    long long actions = 0;           // answers of action_at()
    long long stale_actions = 0;     // of these: the last plan, followed on a stale state
    long long fallbacks = 0;         // of these: the safe action
    double action_rate = 0;          // actions per second from the first to the last
    double plan_rate = 0;            // plans per second likewise
    double longest_plan = 0;         // seconds
};

/// How many and how often. One thread notes, any reads.
class Tally {
 public:
    void note(std::int64_t time) noexcept {
        if (count_.load(std::memory_order_relaxed) == 0) first_.store(time, std::memory_order_relaxed);
        last_.store(time, std::memory_order_relaxed);
        count_.fetch_add(1, std::memory_order_relaxed);
    }
    long long count() const noexcept { return count_.load(std::memory_order_relaxed); }
    double rate() const noexcept {
        const double first = static_cast<double>(first_.load(std::memory_order_relaxed));
        const double span = static_cast<double>(last_.load(std::memory_order_relaxed)) - first;
        return count() > 1 && span > 0 ? 1e9 * static_cast<double>(count() - 1) / span : 0;
    }

 private:
    std::atomic<long long> count_{0};
    std::atomic<std::int64_t> first_{0}, last_{0};
};

struct Counters {
    Tally plans, actions;
    std::atomic<long long> missed_deadlines{0}, failed_plans{0}, stale_states{0}, refused_states{0}, stale_actions{0}, fallbacks{0};
    std::atomic<std::int64_t> longest_plan{0};

    Counts read() const noexcept {
        return {plans.count(),
                missed_deadlines,
                failed_plans,
                stale_states,
                refused_states,
                actions.count(),
                stale_actions,
                fallbacks,
                actions.rate(),
                plans.rate(),
                1e-9 * static_cast<double>(longest_plan)};
    }
};

}  // namespace mbrl
