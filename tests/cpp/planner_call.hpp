// One plan, whichever way CEM::plan takes its request.
#pragma once

#include <chrono>

#include "planners/cem.hpp"

namespace test {

template <class Planner>
const mbrl::Plan& plan_once(Planner& planner, const float* state, const float* previous_action, const mbrl::InputValues& inputs,
                            double elapsed = 1) {
    if constexpr (requires { planner.plan({state, previous_action, inputs, elapsed, 0}); })
        return planner.plan({state, previous_action, inputs, elapsed, 0});
    else
        return planner.plan(state, previous_action, inputs, elapsed);
}

/// One plan that must be ready in `time` from now, where deadlines exist.
template <class Planner>
const mbrl::Plan& plan_until(Planner& planner, const float* state, const float* previous_action, const mbrl::InputValues& inputs,
                             std::chrono::nanoseconds time) {
    const auto deadline = std::chrono::steady_clock::now().time_since_epoch() + time;
    const std::int64_t at = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline).count();
    if constexpr (requires { planner.plan({state, previous_action, inputs, 1.0, 0, at}); })
        return planner.plan({state, previous_action, inputs, 1.0, 0, at});
    else
        return plan_once(planner, state, previous_action, inputs);
}

}  // namespace test
