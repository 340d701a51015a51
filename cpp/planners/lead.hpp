// Lead: the time between a state and the plan's first action, when the actions until then are already on their way.
#pragma once

#include <memory>
#include <vector>

#include "planners/plan.hpp"

namespace mbrl {

class Lead {
 public:
    /// Allocates everything for up to kMostDelay model steps.
    explicit Lead(std::shared_ptr<const Problem> problem);

    /// Rolls the state forward over `delay` model steps of committed actions, as PlanRequest has them, with the weights of
    /// `planner`. A model step that is partly over is taken in proportion. Returns false when the deadline came first.
    /// Per-step inputs count from the plan's beginning: until then their first value holds.
    bool run(const PlanRequest& request, const float* committed, const Rollout& planner);
    /// Where the plan begins, [state_size], the mean over the members.
    const float* state() const { return state_.data(); }

 private:
    bool roll(const float* committed, int steps, std::int64_t deadline);

    Rollout rollout_;
    std::vector<float> state_, held_;
    InputValues inputs_;
    std::vector<std::vector<float>> per_step_;
    AlignedFloats actions_, states_, returns_;
};

}  // namespace mbrl
