// What changes of the action cost: a soft limit beside the hard one of rate_limit.hpp.
#pragma once

#include <cstdint>
#include <vector>

#include "problem/problem.hpp"

namespace mbrl {

/// weight · Σ over rows and actions of (change / half the action range)². The first row counts against the last executed action,
/// where somebody knows it. Actions that are held change between rows only.
class RatePenalty {
 public:
    RatePenalty() = default;
    RatePenalty(const Problem& problem, double weight);

    explicit operator bool() const { return weight_ > 0; }
    /// Once per plan: the action before the first row, null when nobody knows.
    void begin(const float* previous_action);
    /// costs[n] of `count` sequences, the rows [rows · action_size] of `actions` over candidates, `stride` floats apart.
    void measure(const float* actions, std::int64_t stride, int rows, int count, float* costs) const;

 private:
    float weight_ = 0;
    std::vector<float> scale_, previous_;  // [action_size]
    bool known_ = false;
};

}  // namespace mbrl
