// What planning answers.
#pragma once

#include <vector>

namespace mbrl {

enum class PlanStatus {
    ok,
    no_finite_candidate,  // no candidate had a finite return: the shifted last plan, or the middle of the bounds
};

/// Buffers are sized once by the planner and reused.
struct Plan {
    std::vector<float> actions;  // [horizon, action_size]
    std::vector<float> states;   // [steps + 1, state_size], the mean over members
    float value = 0;             // return of `actions`
    PlanStatus status = PlanStatus::ok;
    long long model_steps = 0;  // candidates × steps × members
};

}  // namespace mbrl
