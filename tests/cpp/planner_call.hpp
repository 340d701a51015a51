// One plan, whichever way CEM::plan takes its request.
#pragma once

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

}  // namespace test
