// Knots: the few actions that a sampling planner decides on, and how they become one action for each model step.
#pragma once

#include <cstdint>
#include <vector>

#include "planners/settings.hpp"

namespace mbrl {

/// The constant matrix W [steps, knots] that makes actions of knots, row by row without its zeros, and the way back.
///
/// Held knots of equal length need none of this: then there is nothing in here, and the rollout holds each action itself. Held
/// knots that grow last whole model steps, at least one each, all of them together horizon · steps_per_knot. Knots to
/// interpolate between lie at model steps 0 … horizon · steps_per_knot − 1, the first and the last included (as in mujoco_mpc
/// and KMPPI), and it is the distances between them that grow.
class Knots {
 public:
    Knots() = default;
    /// Valid settings. Throws Error where W would be too large.
    explicit Knots(const SamplingSettings& settings);

    /// Whether knots differ from the actions of the rollout.
    explicit operator bool() const { return !rows_.empty(); }
    int knots() const { return static_cast<int>(at_.size()); }
    int steps() const { return static_cast<int>(rows_.size()); }

    /// actions ← W · knots, clipped to the bounds [action_size], of `count` candidates: knots [knots · action_size] and actions
    /// [steps · action_size] are rows over candidates, `stride` floats apart.
    void expand(const float* knots, float* actions, std::int64_t stride, int count, const std::vector<float>& low,
                const std::vector<float>& high) const;
    /// Knot element k · action_size + a of one sequence of actions [steps, action_size]: what it does at the knot's time or, of
    /// a held knot, on average while that lasts.
    float read(const float* actions, int element, int action_size) const;

 private:
    struct Row {
        int first, count;  // the knots that this step depends on
        std::int64_t at;   // their weights begin here
    };
    void add_row(int first, const std::vector<double>& weights);
    void hold(int knot);
    void linear(int step, int knot);
    void cubic(int step, int knot);
    void rbf(double width, int steps);

    std::vector<int> at_, lasts_;  // of each knot: its first model step, and how many it is averaged over
    std::vector<Row> rows_;        // of each model step
    std::vector<float> weights_;
};

}  // namespace mbrl
