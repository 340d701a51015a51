// One plan, as most tests ask for it.
#pragma once

#include <chrono>

#include "planners/cem.hpp"

namespace test {

inline const mbrl::Plan& plan_once(mbrl::Planner& planner, const float* state, const float* previous_action,
                                   const mbrl::InputValues& inputs, double elapsed = 1) {
    return planner.plan({state, previous_action, inputs, elapsed});
}

/// One plan that must be ready in `time` from now.
inline const mbrl::Plan& plan_until(mbrl::Planner& planner, const float* state, const float* previous_action,
                                    const mbrl::InputValues& inputs, std::chrono::nanoseconds time) {
    return planner.plan({state, previous_action, inputs, 1, 0, mbrl::now_ns() + time.count()});
}

}  // namespace test
