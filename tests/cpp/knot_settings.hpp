// Settings whose knots must be expanded, and a problem with a policy.
#pragma once

#include "planning.hpp"

namespace test {

/// Every way to expand knots, with limits, costs and a policy's proposals: for the problem `guided()`.
inline std::vector<mbrl::CEMSettings> knot_settings() {
    std::vector<mbrl::CEMSettings> all;
    for (const auto interpolation :
         {mbrl::Interpolation::hold, mbrl::Interpolation::linear, mbrl::Interpolation::cubic, mbrl::Interpolation::rbf}) {
        for (const double growth : {1.0, 1.7}) {
            if (interpolation == mbrl::Interpolation::hold && growth == 1) continue;
            mbrl::CEMSettings s = rich_settings();
            s.interpolation = interpolation;
            s.knot_growth = growth;
            s.returns_best = growth > 1;
            s.action_rate_penalty = growth > 1 ? 0.2 : 0;
            s.policy_candidates = true;
            if (growth == 1) s.max_rate = {0.5};
            all.push_back(s);
        }
    }
    return all;
}

/// `everything()` with a policy: action = (state[0] − goal[0]) · wind.
inline ProblemFile guided() {
    ProblemFile file = everything();
    ProgramText policy;
    policy.argument("state", 2).argument("goal", 2, "uniform").argument("wind", 1);
    policy.op("sub", {{0}, {2}}, {5}).op("mul", {{5}, {4}}, {6}).output("action", {6});
    return file.program("policy", policy);
}

}  // namespace test
