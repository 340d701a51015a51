// What a call may change of MPPI, and what its smooth variant remembers.
#include <cmath>

#include "planners/mppi.hpp"
#include "planning.hpp"
#include "test.hpp"

namespace {

mbrl::MPPISettings few(double temperature) {
    mbrl::MPPISettings s;
    s.horizon = 4;
    s.steps_per_knot = 2;
    s.temperature = temperature;
    return s;
}

/// Actions of a few plans, each asked for at this temperature.
std::vector<float> actions_of(mbrl::MPPI& planner, double temperature) {
    const std::vector<float> goal = {0.3f, -0.2f}, wind(8, 0.1f);
    const float previous = 0.2f;
    std::vector<float> all;
    for (int i = 0; i < 3; ++i) {
        const float state[] = {0.1f * static_cast<float>(i), 0.4f};
        mbrl::PlanRequest request{state, &previous, {goal.data(), wind.data()}};
        request.temperature = temperature;
        const mbrl::Plan& plan = planner.plan(request);
        EXPECT(plan.status == mbrl::PlanStatus::ok);
        all.insert(all.end(), plan.actions.begin(), plan.actions.end());
    }
    return all;
}

TEST(a_temperature_of_the_call_is_as_one_of_the_settings) {
    const auto problem = test::everything().load();
    mbrl::MPPI cold(problem, few(0.01)), warm(problem, few(5));
    const auto expected = actions_of(cold, NAN), other = actions_of(warm, NAN);
    EXPECT(expected != other);
    warm.reset();
    EXPECT(actions_of(warm, 0.01) == expected);
    warm.reset();
    EXPECT(actions_of(warm, NAN) == other);  // the settings stay as they are
}

TEST(a_smooth_planner_remembers_its_plan_besides_its_mean_and_forgets_both) {
    const auto problem = test::everything().load();
    mbrl::MPPISettings settings = few(0.1);
    EXPECT(mbrl::MPPI(problem, settings).memory(0).extra.empty());
    settings.smooth = true;
    settings.init_std = 0.2;
    mbrl::MPPI planner(problem, settings), other(problem, settings);
    const auto first = actions_of(planner, NAN);
    EXPECT(planner.memory(0).extra == planner.last_plan().actions);
    EXPECT(planner.memory(0).extra != planner.memory(0).mean);
    other.set_memory(0, planner.memory(0));
    EXPECT(actions_of(other, NAN) == actions_of(planner, NAN));
    planner.reset();
    EXPECT(actions_of(planner, NAN) == first);
}

}  // namespace

TEST_MAIN
