// What a planner is asked, and what it answers.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "problem/rollout.hpp"

namespace mbrl {

/// The longest delay that a plan can look across, in model steps: memory for it is there from the beginning.
inline constexpr int kMostDelay = 64;

/// Rows of committed actions that a delay takes: one per model step, the first may be partly over.
inline int committed_rows(double delay) { return static_cast<int>(std::ceil(delay)); }

/// One iteration as it was, for looking at.
struct TraceIteration {
    int candidates = 0;            // that were evaluated
    std::vector<float> actions;    // [candidates, horizon, action_size]
    std::vector<float> returns;    // [candidates], −∞ where a candidate could no longer become an elite
    std::vector<int> elites;       // best first
    std::vector<float> mean, std;  // [knots, action_size], from which the candidates were drawn
};
using Trace = std::vector<TraceIteration>;

/// One decision to make.
struct PlanRequest {
    const float* state;            // [state_size]
    const float* previous_action;  // [action_size], the last executed; null when nobody knows
    const InputValues& inputs;     // as Rollout::start
    double elapsed = 1;            // model steps since the last plan of this stream
    int stream = 0;
    std::int64_t deadline = kNoDeadline;  // now_ns() at which the answer is due
    std::int64_t max_tiles = INT64_MAX;   // replays a plan that the deadline cut off after so many tiles
    double delay = 0;                     // model steps from the state to the plan's first action, 0..kMostDelay
    /// The actions until then, [committed_rows(delay), action_size], each a model step long and the last one ending where the
    /// plan begins. Null: those of this stream's own plans.
    const float* committed = nullptr;
    Trace* trace = nullptr;  // where to leave what was tried; allocates
    /// Actions to try besides the planner's own, [candidate_count, horizon, action_size]: as many as Planner::reserve_candidates
    /// has made room for.
    const float* candidates = nullptr;
    int candidate_count = 0;
    /// Bounds of this plan, [action_size], as far as they are within the problem's. Null: the problem's.
    const float *action_low = nullptr, *action_high = nullptr;
    double temperature = std::numeric_limits<double>::quiet_NaN();  // of planners that have one; NaN: their own
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
    std::vector<float> actions;  // [horizon, action_size], each held for Planner::steps_per_knot() model steps
    std::vector<float> states;   // [steps + 1, state_size], the mean over the trajectories
    std::vector<float> returns;  // of `actions` in each trajectory, where there are states; those of a member side by side
    std::vector<float> gains;    // [horizon, action_size, state_size]: action + gain·(state − planned state), first order; or empty
    bool has_gains = false;
    bool has_states = false;  // a plan that was cut off may have had no time for them
    float value = 0;          // return of `actions`; NaN when they were not evaluated
    PlanStatus status = PlanStatus::ok;
    std::int64_t model_steps = 0;  // candidates × steps × trajectories that were computed
    std::int64_t tiles = 0;        // that count towards the answer: PlanRequest::max_tiles repeats it
};

/// What a stream remembers between plans.
struct Memory {
    std::uint32_t plans = 0;
    std::vector<float> mean;    // [knots, action_size]
    std::vector<float> answer;  // [horizon, action_size], the last plan's
    std::vector<float> kept;    // [kept_count, knots, action_size]
    int kept_count = 0;
    std::vector<float> committed;  // [kMostDelay, action_size], of which committed_rows(delay) were on their way to the last plan
    double delay = 0;              // of the last plan
    std::vector<float> extra;      // what this kind of planner remembers besides
    bool operator==(const Memory&) const = default;
};

/// Everything that the last plan depended on besides the problem and the settings: enough to plan it again.
struct Decision {
    bool made = false, has_previous_action = false, has_action_low = false, has_action_high = false;
    int stream = 0;
    double elapsed = 1, delay = 0;
    std::uint64_t weights = 0;  // version, see WeightSlot
    double temperature = std::numeric_limits<double>::quiet_NaN();
    std::vector<float> state, previous_action, committed, action_low, action_high;
    std::vector<float> candidates;  // [any, horizon, action_size]
    std::vector<std::vector<float>> inputs;
    Memory before;
};

}  // namespace mbrl
