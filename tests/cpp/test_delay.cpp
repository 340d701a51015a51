// Plans that begin later than their state: where the model says it will be, over the actions that are on their way.
#include <cmath>

#include "planning.hpp"
#include "test.hpp"

namespace {

using mbrl::CEM;
using mbrl::CEMSettings;
using mbrl::Plan;

bool close(double a, double b) { return std::fabs(a - b) < 1e-6; }

Plan plan(CEM& planner, float state, double delay, const float* committed, double elapsed = 1, const float* previous = nullptr) {
    const float goal = -1;
    return planner.plan({.state = &state,
                         .previous_action = previous,
                         .inputs = {&goal},
                         .elapsed = elapsed,
                         .delay = delay,
                         .committed = committed});
}

TEST(the_plan_begins_where_the_committed_actions_lead) {
    const float committed[] = {0.5f, 0.25f, -0.125f};
    CEM planner(test::line().load(), CEMSettings{});
    EXPECT(close(plan(planner, 2, 3, committed).states[0], 2 + 0.5 + 0.25 - 0.125));
    EXPECT(close(plan(planner, 2, 1, committed).states[0], 2.5));
    EXPECT(close(plan(planner, 2, 0, nullptr).states[0], 2));
    EXPECT(close(plan(planner, 2, 2.5, committed).states[0], 2 + 0.5 * 0.5 + 0.25 - 0.125), "the first step is half over");
    EXPECT(close(plan(planner, 2, 0.2, committed).states[0], 2 + 0.2 * 0.5));
}

TEST(members_are_averaged_when_the_plan_begins) {
    CEM planner(test::everything().load(), test::rich_settings());
    mbrl::Rollout rollout(test::everything().load(), {1, 2, 1, 1}, std::make_shared<mbrl::ThreadPool>(1));
    const std::vector<float> goal = {0.3f, -0.2f}, wind(8, 0.1f);
    const mbrl::InputValues inputs = {goal.data(), wind.data()};
    const float state[] = {0.1f, 0.4f}, previous = 0.3f, committed[] = {0.7f, -0.2f};
    mbrl::AlignedFloats actions(2 * 16), returns(16), states(3 * 2 * 16);
    for (int h = 0; h < 2; ++h) std::fill_n(actions.data() + 16 * h, 16, committed[h]);
    rollout.start(state, &previous, inputs);
    rollout.run({actions.data(), 16}, 1, returns.data(), {states.data(), 16});
    const auto& plan =
        planner.plan({.state = state, .previous_action = &previous, .inputs = inputs, .delay = 2, .committed = committed});
    EXPECT(plan.states[0] == states[4 * 16] && plan.states[1] == states[5 * 16], plan.states[0], " and ", states[4 * 16]);
}

/// A plant with the same delay: what the planner believes to be on its way is what really is.
TEST(a_planner_knows_its_own_actions) {
    for (const double delay : {0.3, 1.0, 1.7, 3.0}) {
        for (const int steps_per_knot : {1, 2}) {
            CEMSettings settings = test::rich_settings();
            settings.steps_per_knot = steps_per_knot;
            CEM planner(test::line().load(), settings);
            const int late = mbrl::committed_rows(delay);
            std::vector<float> sent(static_cast<std::size_t>(late), 0.0f);  // the middle of the bounds, before the first plan
            float state = 2;
            for (int step = 0; step < 12; ++step) {
                // Rows end where the plan begins: the first one is what remains of the oldest action.
                double begins = state + (delay - (late - 1)) * sent[sent.size() - late];
                for (int i = 1; i < late; ++i) begins += sent[sent.size() - late + i];
                const Plan made = plan(planner, state, delay, nullptr);
                EXPECT(close(made.states[0], begins), delay, " steps late, step ", step, ": ", made.states[0], " not ", begins);
                const double part = delay - (late - 1);
                sent.push_back(made.actions[0]);
                state += static_cast<float>(part * sent[sent.size() - late - 1] + (1 - part) * sent[sent.size() - late]);
            }
        }
    }
}

TEST(a_step_without_a_plan_is_driven_on_the_last_one) {
    CEMSettings settings;
    settings.steps_per_knot = 1;
    CEM planner(test::line().load(), settings);
    const Plan first = plan(planner, 2, 2, nullptr);
    const Plan later = plan(planner, 2, 2, nullptr, 3);  // two cycles were missed
    EXPECT(close(later.states[0], 2 + first.actions[1] + first.actions[2]), later.states[0]);
    const Plan much_later = plan(planner, 2, 2, nullptr, 100);
    EXPECT(close(much_later.states[0], 2 + 2 * later.actions.back()), much_later.states[0]);
}

TEST(before_the_first_plan_the_executed_action_goes_on) {
    CEM planner(test::line().load(), CEMSettings{});
    const float previous = 0.5f;
    EXPECT(close(plan(planner, 2, 3, nullptr, 1, &previous).states[0], 3.5));
    planner.reset();
    EXPECT(close(plan(planner, 2, 3, nullptr).states[0], 2));
}

TEST(per_step_inputs_count_from_the_plans_beginning) {
    test::ProblemFile file(1, 1);
    test::ProgramText step;
    step.argument("state", 1).argument("action", 1).argument("wind", 1).op("add", {{0}, {2}}, {3});
    step.output("next_state", {3}).output("reward", {1});
    file.input("wind", {1}, true).program("step", step);
    CEMSettings settings;
    settings.horizon = 3;
    settings.steps_per_knot = 1;
    CEM planner(file.load(), settings);
    const float state = 0, wind[] = {1, 10, 100}, committed[] = {0, 0};
    const auto& plan =
        planner.plan({.state = &state, .previous_action = nullptr, .inputs = {wind}, .delay = 2, .committed = committed});
    EXPECT(plan.states == (std::vector<float>{2, 3, 13, 113}));
}

TEST(without_time_to_look_ahead_the_last_plan_is_shifted_to_where_it_begins) {
    CEMSettings settings;
    settings.steps_per_knot = 1;
    CEM planner(test::line().load(), settings);
    const Plan first = plan(planner, 2, 0, nullptr);
    const float state = 2, goal = -1;
    const auto& late = planner.plan({.state = &state, .previous_action = nullptr, .inputs = {&goal}, .deadline = 0, .delay = 2});
    EXPECT(late.status == mbrl::PlanStatus::shifted && late.actions[0] == first.actions[3], "one step has passed, two are to come");
}

TEST(a_delay_may_be_as_long_as_there_is_memory_for) {
    CEM planner(test::line().load(), CEMSettings{});
    std::vector<float> committed(mbrl::kMostDelay, 0.125f);
    EXPECT(close(plan(planner, 0, mbrl::kMostDelay, committed.data()).states[0], 8));
}

}  // namespace

TEST_MAIN
