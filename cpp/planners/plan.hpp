// What a planner is asked, and what it answers.
#pragma once

#include <vector>

#include "problem/rollout.hpp"

namespace mbrl {

/// One decision to make.
struct PlanRequest {
    const float* state;            // [state_size]
    const float* previous_action;  // [action_size], the last executed
    const InputValues& inputs;     // as Rollout::start
    double elapsed = 1;            // model steps since the last plan of this stream
    int stream = 0;
    std::int64_t deadline = kNoDeadline;  // now_ns() at which the answer is due
    std::int64_t max_tiles = INT64_MAX;   // replays a plan that the deadline cut off after so many tiles
};

/// Where the answer comes from, from best to worst.
enum class PlanStatus {
    ok,                   // every iteration ran
    deadline,             // cut off: the best candidate evaluated so far
    no_finite_candidate,  // no candidate had a finite return: the last plan, shifted, or the middle of the bounds
    shifted,              // nothing was evaluated in time: the last plan, shifted
    safe,                 // nothing was evaluated in time and there is no last plan: the middle of the bounds
};

/// Buffers are sized once by the planner and reused.
struct Plan {
    std::vector<float> actions;  // [horizon, action_size]
    std::vector<float> states;   // [steps + 1, state_size], the mean over members
    bool has_states = false;     // a plan that was cut off may have had no time for them
    float value = 0;             // return of `actions`; NaN when they were not evaluated
    PlanStatus status = PlanStatus::ok;
    std::int64_t model_steps = 0;  // candidates × steps × members that were computed
    std::int64_t tiles = 0;        // that count towards the answer: PlanRequest::max_tiles repeats it
};

}  // namespace mbrl
