// One plan(), whichever way this version of the planner takes its arguments.
#pragma once

#include "planners/cem.hpp"

namespace fuzz {

template <class Planner>
const mbrl::Plan& call_plan(Planner& planner, const float* state, const float* previous, const mbrl::InputValues& inputs) {
    if constexpr (requires { planner.plan(state, previous, inputs, 1.0); })
        return planner.plan(state, previous, inputs, 1.0);
    else
        return planner.plan({state, previous, inputs});
}

}  // namespace fuzz
