// Hard limits on how fast actions change: every knot, the executed action included, in double precision.
#include <cmath>

#include "planning.hpp"
#include "test.hpp"

namespace {

using mbrl::CEM;
using mbrl::CEMSettings;

/// dt of line() is 0.5 s.
double most(const CEMSettings& settings, double rate) { return rate * settings.steps_per_knot * 0.5; }

TEST(no_knot_of_any_answer_or_candidate_changes_faster) {
    const float goal = -100;
    for (const double rate : {1e-9, 1e-3, 0.01, 0.3, 1.0, 1e9}) {
        for (const bool best : {false, true}) {
            CEMSettings settings = test::rich_settings();
            settings.returns_best = best;
            settings.max_rate = {rate};
            CEM planner(test::line().load(), settings);
            float previous = 0.9f, state = 0;
            for (int i = 0; i < 8; ++i) {
                const double elapsed = i % 3 == 2 ? 0.25 : 1;
                mbrl::Trace trace;
                const auto& plan = planner.plan({.state = &state,
                                                 .previous_action = &previous,
                                                 .inputs = {&goal},
                                                 .elapsed = elapsed,
                                                 .max_tiles = i == 5 ? 0 : INT64_MAX,
                                                 .trace = &trace});
                const auto obeys = [&](const float* u) {
                    if (!(std::fabs(double{u[0]} - previous) <= rate * elapsed * 0.5)) return false;
                    for (int h = 1; h < 4; ++h)
                        if (!(std::fabs(double{u[h]} - u[h - 1]) <= most(settings, rate))) return false;
                    return true;
                };
                EXPECT(obeys(plan.actions.data()), rate, " per second, plan ", i);
                for (const auto& iteration : trace)
                    for (int n = 0; n < iteration.candidates; ++n) EXPECT(obeys(iteration.actions.data() + n * 4), "candidate ", n);
                for (const float u : plan.actions) EXPECT(u >= -1 && u <= 1);
                previous = plan.actions[0];
                state += previous;
            }
        }
    }
}

TEST(limits_that_bind_nothing_change_nothing) {
    CEMSettings settings = test::rich_settings();
    CEM free(test::everything().load(), settings);
    settings.max_rate = {INFINITY};
    CEM limited(test::everything().load(), settings);
    EXPECT(test::same(test::drive(free, 3), test::drive(limited, 3)));
}

TEST(without_an_executed_action_the_first_knot_is_free) {
    CEMSettings settings;
    settings.max_rate = {0.01};
    CEM planner(test::line().load(), settings);
    const float state = 0, goal = -100;
    const auto& plan = planner.plan({.state = &state, .previous_action = nullptr, .inputs = {&goal}});
    EXPECT(plan.actions[0] < -0.3f, plan.actions[0]);
    EXPECT(std::fabs(plan.actions[4] - plan.actions[0]) <= 4 * most(settings, 0.01));
}

TEST(an_executed_action_outside_the_bounds_is_left_as_the_bounds_ask) {
    CEMSettings settings;
    settings.max_rate = {0.01};
    CEM planner(test::line().load(), settings);
    const float state = 0, goal = 100, previous = 5;
    EXPECT(planner.plan({.state = &state, .previous_action = &previous, .inputs = {&goal}}).actions[0] == 1);
}

TEST(wrong_limits_are_named) {
    CEMSettings settings;
    settings.max_rate = {0};
    EXPECT_ERROR(CEM(test::line().load(), settings), "max_rate must be > 0 per second, got 0");
    settings.max_rate = {NAN};
    EXPECT_ERROR(CEM(test::line().load(), settings), "max_rate must be > 0 per second, got nan");
    settings.max_rate = {1, 2};
    EXPECT_ERROR(CEM(test::line().load(), settings), "max_rate must be one number or 1, one for each action, got 2");
}

}  // namespace

TEST_MAIN
