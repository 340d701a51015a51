// A planner on a small problem, driven for a few plans: what the CEM tests share.
#pragma once

#include "planners/cem.hpp"
#include "problem_file.hpp"

namespace test {

/// Settings that use every feature at once, on few candidates.
inline mbrl::CEMSettings rich_settings() {
    mbrl::CEMSettings s;
    s.horizon = 4;
    s.steps_per_knot = 2;
    s.population = 61;
    s.elites = 9;
    s.iterations = 3;
    s.min_std = 0.05;
    s.momentum = 0.1;
    s.discount = 0.95;
    s.keep_elites = 3;
    s.include_mean = true;
    s.returns_best = true;
    s.warm_start = true;
    s.fresh_fraction = 0.25;
    s.noise_beta = 1.5;
    s.seed = 7;
    return s;
}

/// Plans of the problem `everything()` from a moving state.
inline std::vector<mbrl::Plan> drive(mbrl::CEM& planner, int plans) {
    const std::vector<float> goal = {0.3f, -0.2f},
                             wind(static_cast<std::size_t>(planner.horizon() * planner.steps_per_knot()), 0.1f);
    std::vector<mbrl::Plan> made;
    const float previous = 0.2f;
    for (int i = 0; i < plans; ++i) {
        const float state[] = {0.1f * static_cast<float>(i), 0.4f};
        made.push_back(planner.plan({state, &previous, {goal.data(), wind.data()}}));
    }
    return made;
}

inline bool same(const std::vector<mbrl::Plan>& a, const std::vector<mbrl::Plan>& b) {
    bool equal = a.size() == b.size();
    for (std::size_t i = 0; equal && i < a.size(); ++i)
        equal = a[i].actions == b[i].actions && a[i].states == b[i].states && a[i].value == b[i].value;
    return equal;
}

}  // namespace test
