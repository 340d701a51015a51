// Rollouts that Python asks for: a few are kept between calls, so that a loop of calls alike pays for none of their making.
#pragma once

#include <iterator>
#include <memory>
#include <mutex>
#include <vector>

#include "problem/rollout.hpp"

namespace mbrl::bindings {

/// One rollout and the rows that it reads and writes.
struct HeldRollout {
    HeldRollout(std::shared_ptr<const Problem> problem, const RolloutShape& shape, int threads)
        : rollout(std::move(problem), shape, std::make_shared<ThreadPool>(threads)),
          threads(threads),
          padded(rollout.padded_population()),
          actions(static_cast<std::size_t>(shape.horizon) * rollout.problem().action_size * padded),
          returns(padded) {}

    /// Whether it serves for this shape; a larger population does, and changes no bit.
    bool serves(const RolloutShape& shape, int count) const {
        const RolloutShape& own = rollout.shape();
        return own.population >= shape.population && own.horizon == shape.horizon && own.steps_per_knot == shape.steps_per_knot &&
               own.discount == shape.discount && own.objective == shape.objective && own.risk == shape.risk &&
               own.particles == shape.particles && own.propagation == shape.propagation && threads == count;
    }

    Rollout rollout;
    int threads, padded;
    AlignedFloats actions, returns, starts, states, trajectories;  // [row][padded]; the last three once they are asked for
};

class Rollouts {
 public:
    explicit Rollouts(std::shared_ptr<const Problem> problem) : problem_(std::move(problem)) {}

    const std::shared_ptr<const Problem>& problem() const { return problem_; }

    /// For the caller alone until it is given back.
    std::unique_ptr<HeldRollout> take(const RolloutShape& shape, int threads) {
        {
            const std::lock_guard lock(mutex_);
            for (auto held = held_.rbegin(); held != held_.rend(); ++held) {
                if (!(*held)->serves(shape, threads)) continue;
                std::unique_ptr<HeldRollout> found = std::move(*held);
                held_.erase(std::next(held).base());
                return found;
            }
        }
        return std::make_unique<HeldRollout>(problem_, shape, threads);
    }

    /// Keeps the last few that are not too large; the others are freed outside of the lock.
    void give_back(std::unique_ptr<HeldRollout> used) {
        const std::size_t floats =
            used->actions.size() + used->returns.size() + used->starts.size() + used->states.size() + used->trajectories.size();
        if (floats > kMostFloats) return;
        std::unique_ptr<HeldRollout> oldest;
        const std::lock_guard lock(mutex_);
        held_.push_back(std::move(used));
        if (held_.size() <= kMostHeld) return;
        oldest = std::move(held_.front());
        held_.erase(held_.begin());
    }

 private:
    static constexpr std::size_t kMostHeld = 4, kMostFloats = std::size_t{1} << 23;

    std::shared_ptr<const Problem> problem_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<HeldRollout>> held_;
};

}  // namespace mbrl::bindings
