// Pruning: candidates that can no longer be among the best are left unfinished. Every comparison errs on their side, so the
// best are the same, bit for bit.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "problem/rollout.hpp"

namespace mbrl {
namespace {

/// Model steps between two looks at who may stop.
constexpr int kPruneEvery = 2;

}  // namespace

/// What a trajectory can still collect, at most, after each number of steps; what rounding may add to it is in there.
void Rollout::bound_rewards() {
    const double infinity = std::numeric_limits<double>::infinity();
    const int steps = shape_.steps();
    const Bounds& bounds = weights_ ? weights_->bounds : problem_->bounds;
    const double reward = has_reward_ ? bounds.reward : infinity;
    double rest = terminal_ ? bounds.terminal * discounts_[steps] : 0.0;
    if (ends_) rest = std::max(rest, 0.0);  // who has ended collects nothing more, be it a loss
    double size = std::fabs(rest);
    rest_.resize(static_cast<std::size_t>(steps) + 1);
    const double slack = rounding_slack();
    for (int t = steps;; --t) {
        rest_[t] = rest < infinity ? static_cast<float>(rest + slack * size) : std::numeric_limits<float>::infinity();
        if (t == 0) break;
        rest += reward * discounts_[t - 1];
        if (ends_) rest = std::max(rest, 0.0);
        size += std::fabs(reward) * discounts_[t - 1];
    }
}

/// A return is a sum of so many terms, each rounded by at most one part in 2^23 of the sum so far.
float Rollout::rounding_slack() const { return static_cast<float>(shape_.steps() + trajectories() + 4) * 1.2e-7f; }

/// Looking costs less than a hundredth of a step of a small network.
bool Rollout::may_prune(const Job& job, const Worker& worker, int trajectory, int step) const {
    const bool last = step == shape_.steps() && trajectory == trajectories() - 1;
    return static_cast<int>(worker.best.size()) >= std::max(job.budget.keep, 1) && job.budget.keep > 0 && !job.states.rows &&
           !job.trajectories.rows && step % kPruneEvery == 0 && !last && at_most_mean(shape_.objective, shape_.risk) &&
           rest_[0] < std::numeric_limits<float>::infinity();
}

/// Lets go of candidates that can no longer reach the best `keep` of the tiles that this worker has finished. Those that
/// would equal the worst of them stay: among equals the planner decides. The bar is on means over the trajectories, which no
/// objective that is pruned exceeds.
Rollout::Outcome Rollout::prune(Worker& worker, int trajectory, int step, Tile& tile) const {
    const float later = static_cast<float>(trajectories() - 1 - trajectory) * rest_[0];
    const float rest = rest_[step] + later;
    const float bar = worker.best.front() * static_cast<float>(trajectories());
    const float slack = rounding_slack();
    const float lowered = bar - slack * (std::fabs(bar) + 2 * (std::fabs(rest_[step]) + std::fabs(later)));
    if (!std::isfinite(rest) || !std::isfinite(lowered)) return Outcome::done;
    const float *sum = worker.sum.data(), *total = worker.total.data();
    // Each of the two will be rounded on its own, however much they cancel.
    const auto reaches = [=](int lane) {  // a NaN never does
        return sum[lane] + total[lane] + rest + slack * (std::fabs(sum[lane]) + std::fabs(total[lane])) >= lowered;
    };
    int live = 0;
    for (int lane = 0; lane < tile.live; ++lane) live += reaches(lane);
    if (live == 0) return Outcome::pruned;
    if (4 * round_up(live, tile_grain()) > 3 * tile.width) return Outcome::done;  // packing must pay
    for (int lane = 0, n = 0; n < live; ++lane)
        if (reaches(lane)) worker.kept[n++] = lane;
    pack(worker, live, tile);
    return Outcome::done;
}

/// Moves the lanes that stay, in worker.kept, side by side. What every step writes anew need not move.
void Rollout::pack(Worker& worker, int live, Tile& tile) const {
    const auto move = [&](auto* row) {
        for (int lane = 0; lane < live; ++lane) row[lane] = row[worker.kept[lane]];
    };
    const auto move_rows = [&](int at, int rows) {
        for (int i = 0; i < rows; ++i) move(worker.step_lanes.data() + at + static_cast<std::ptrdiff_t>(i) * stride_);
    };
    move_rows(step_->state, problem_->state_size);
    if (step_->action >= 0) move_rows(step_->action, problem_->action_size);
    move(worker.total.data());
    move(worker.alive.data());
    move(worker.sum.data());
    for (std::size_t at = 0; at < worker.trajectories.size(); at += stride_) move(worker.trajectories.data() + at);
    move(worker.candidates.data());
    tile = {tile.first, round_up(live, tile_grain()), live, true};
}

void Rollout::remember(Worker& worker, const Job& job, int first, int width) const {
    const auto worst_first = std::greater<float>();
    for (int n = first; n < std::min(first + width, job.count); ++n) {
        const float value = job.returns[n];
        if (!std::isfinite(value)) continue;
        if (static_cast<int>(worker.best.size()) == job.budget.keep) {
            if (!(value > worker.best.front())) continue;
            std::pop_heap(worker.best.begin(), worker.best.end(), worst_first);
            worker.best.pop_back();
        }
        worker.best.push_back(value);
        std::push_heap(worker.best.begin(), worker.best.end(), worst_first);
    }
}

}  // namespace mbrl
