// How fast actions may change: a hard limit that every candidate and every answer obeys to the last bit.
#pragma once

#include <cstdint>
#include <vector>

#include "problem/problem.hpp"

namespace mbrl {

/// |u(h) − u(h−1)| ≤ rate · seconds of a knot; the first knot against the last executed action, over the time since then.
class RateLimit {
 public:
    RateLimit() = default;
    /// `rates` per second: one for all actions or one each, infinity for none; empty: no limits at all. Throws Error.
    RateLimit(const Problem& problem, const std::vector<double>& rates, double knot_seconds);

    explicit operator bool() const { return !knot_.empty(); }
    /// Once per plan: the action before the first knot (null: the first knot is free), and how long it has been in force.
    void begin(const float* previous_action, double seconds);
    /// Once per plan: the bounds [action_size], within the problem's.
    void within(const std::vector<float>& low, const std::vector<float>& high);
    /// Moves `count` sequences, the rows of `actions` over candidates, within the limits: each knot is clipped to what the one
    /// before it allows, from the first to the last. They are within the bounds before and after.
    void apply(float* actions, std::int64_t stride, int horizon, int count) const;

 private:
    void clip(float* row, const float* before, std::int64_t advance, float most, int action, int count) const;
    float most_change(double rate, double seconds, double scale) const;

    std::vector<double> rates_;
    std::vector<float> knot_, first_, previous_, low_, high_;  // [action_size]
    bool free_ = true;
};

}  // namespace mbrl
