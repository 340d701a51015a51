// The loop over time against a hand-written one: every rule about rewards, ends, inputs, knots and members.
#include <cmath>
#include <cstring>
#include <functional>
#include <random>

#include "problem/rollout.hpp"
#include "problem_file.hpp"
#include "test.hpp"

namespace {

using test::line;
using test::ProblemFile;
using test::ProgramText;

struct Result {
    std::vector<float> returns, states;  // states [steps + 1][state_size][count]
};

/// Rolls out actions [count][horizon * action_size].
Result roll(const std::shared_ptr<mbrl::Problem>& problem, mbrl::RolloutShape shape, const std::vector<std::vector<float>>& actions,
            std::vector<float> state, const mbrl::InputValues& inputs = {}, std::vector<float> previous = {0, 0}, int threads = 1) {
    shape.population = static_cast<int>(actions.size());
    mbrl::Rollout rollout(problem, shape, std::make_shared<mbrl::ThreadPool>(threads));
    const int padded = rollout.padded_population(), count = shape.population;
    const int elements = shape.horizon * problem->action_size;
    mbrl::AlignedFloats rows(static_cast<std::size_t>(elements) * padded), returns(padded);
    mbrl::AlignedFloats states(static_cast<std::size_t>(shape.steps() + 1) * problem->state_size * padded);
    std::fill_n(rows.data(), rows.size(), std::nanf(""));  // what lies behind the population must not matter
    for (int n = 0; n < count; ++n)
        for (int e = 0; e < elements; ++e) rows[static_cast<std::size_t>(e) * padded + n] = actions[n][e];
    rollout.start(state.data(), previous.data(), inputs);
    rollout.run({rows.data(), padded}, count, returns.data(), {states.data(), padded});
    Result result{{returns.data(), returns.data() + count}, {}};
    for (int row = 0; row < (shape.steps() + 1) * problem->state_size; ++row)
        for (int n = 0; n < count; ++n) result.states.push_back(states[static_cast<std::size_t>(row) * padded + n]);
    return result;
}

std::vector<std::vector<float>> random_actions(int count, int elements) {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> number(-1, 1);
    std::vector<std::vector<float>> actions(count, std::vector<float>(elements));
    for (auto& candidate : actions)
        for (auto& u : candidate) u = number(random);
    return actions;
}

bool close(double a, double b) { return std::fabs(a - b) <= 1e-5 * std::max(1.0, std::fabs(b)); }

TEST(every_population_and_any_number_of_threads) {
    const auto problem = line().load();
    const float goal = 0.7f;
    for (int count = 1; count <= 67; ++count) {
        const auto actions = random_actions(count, 3);
        const auto one = roll(problem, {1, 3, 2, 0.9}, actions, {0.2f}, {&goal});
        const auto three = roll(problem, {1, 3, 2, 0.9}, actions, {0.2f}, {&goal}, {0}, 3);
        EXPECT(one.returns == three.returns && one.states == three.states, count, " candidates");
        for (int n = 0; n < count; ++n) {
            double x = 0.2f, expected = 0, factor = 1;
            for (int t = 0; t < 6; ++t, factor *= 0.9) {
                x += actions[n][t / 2];
                expected -= factor * std::fabs(x - goal);
                EXPECT(close(one.states[static_cast<std::size_t>(t + 1) * count + n], x), "state of candidate ", n, " of ", count);
            }
            EXPECT(close(one.returns[n], expected), "candidate ", n, " of ", count, ": ", one.returns[n], " and ", expected);
            EXPECT(one.states[n] == 0.2f, "the first state is the start");
        }
    }
}

TEST(a_candidates_return_does_not_depend_on_the_others) {
    const auto problem = test::everything().load();
    const auto actions = random_actions(67, 4);
    const std::vector<float> goal = {0.3f, -0.2f}, wind(8, 0.1f);
    const mbrl::InputValues inputs = {goal.data(), wind.data()};
    const auto all = roll(problem, {1, 4, 2, 0.95}, actions, {0.1f, 0.4f}, inputs);
    for (int n = 0; n < 67; ++n) {
        const auto alone = roll(problem, {1, 4, 2, 0.95}, {actions[n]}, {0.1f, 0.4f}, inputs);
        EXPECT(std::memcmp(&alone.returns[0], &all.returns[n], sizeof(float)) == 0, "candidate ", n);
    }
}

TEST(each_candidate_may_have_its_own_start) {
    const auto problem = line().load();
    mbrl::Rollout rollout(problem, {20, 1, 1, 1}, std::make_shared<mbrl::ThreadPool>(1));
    const float goal = 0, zero = 0;
    mbrl::AlignedFloats actions(32), starts(32), returns(32);
    for (int n = 0; n < 32; ++n) starts[n] = static_cast<float>(n);
    rollout.start(&zero, &zero, {&goal});
    rollout.start_states(starts.data(), 32);
    rollout.run({actions.data(), 32}, 20, returns.data());
    for (int n = 0; n < 20; ++n) EXPECT(returns[n] == -static_cast<float>(n));
    rollout.start(&zero, &zero, {&goal});  // and the next start has one for all again
    rollout.run({actions.data(), 32}, 20, returns.data());
    for (int n = 0; n < 20; ++n) EXPECT(returns[n] == 0);
}

/// x' = x + u; reward = x' while x <= 1, NaN from a state beyond it; ends when x' > 1; terminal value 100·x.
ProblemFile ending() {
    ProblemFile file(1, 1);
    ProgramText step;  // rows 0 zero, 1 one, 2 x, 3 u, 4 x', 5 1-x, 6 root, 7 zero·root, 8 reward, 9 ended
    step.json["constants"] = 2;
    step.argument("state", 1).argument("action", 1);
    step.op("add", {{2}, {3}}, {4}).op("sub", {{1}, {2}}, {5}).op("sqrt", {{5}}, {6}).op("mul", {{0}, {6}}, {7});
    step.op("add", {{4}, {7}}, {8}).op("lt", {{1}, {4}}, {9});
    step.output("next_state", {4}).output("reward", {8}).output("termination", {9});
    ProgramText terminal;
    terminal.json["constants"] = 1;
    terminal.argument("state", 1).op("mul", {{0}, {1}}, {2}).output("value", {2});
    file.tensor("step/constants", {1, 2}, {0, 1}).tensor("terminal_value/constants", {1, 1}, {100});
    return file.program("step", step).program("terminal_value", terminal);
}

TEST(after_its_end_a_candidate_collects_nothing) {
    const auto problem = ending().load();
    const auto result =
        roll(problem, {1, 4, 1, 1}, {{0.6f, 0.6f, 0.6f, 0.6f}, {0.1f, 0.1f, 0.1f, 0.1f}, {2, 0, 0, 0}, {0, 0, 0, 2}}, {0});
    EXPECT(close(result.returns[0], 0.6 + 1.2), "the step that ends counts, nothing after it: ", result.returns[0]);
    EXPECT(close(result.returns[1], 0.1 + 0.2 + 0.3 + 0.4 + 40), "without an end the terminal value counts: ", result.returns[1]);
    EXPECT(close(result.returns[2], 2), "ended by the first step: ", result.returns[2]);
    EXPECT(close(result.returns[3], 2), "ended by the last step, no terminal value: ", result.returns[3]);
}

TEST(a_terminal_value_is_discounted_by_all_steps) {
    const auto problem = ending().load();
    const auto result = roll(problem, {1, 2, 2, 0.5}, {{0.1f, 0.2f}}, {0});
    EXPECT(close(result.returns[0], 0.1 + 0.5 * 0.2 + 0.25 * 0.4 + 0.125 * 0.6 + 0.0625 * 60), result.returns[0]);
}

TEST(a_start_beyond_the_end_still_counts_one_step) {
    const auto result = roll(ending().load(), {1, 2, 1, 1}, {{-3, -3}}, {2});
    EXPECT(std::isnan(result.returns[0]), "the rule looks at next states only: ", result.returns[0]);
}

/// The reward is one argument of the step; x' = x.
std::shared_ptr<mbrl::Problem> rewarding(const std::string& argument) {
    ProblemFile file(1, 1);
    ProgramText step;
    step.argument("state", 1).argument("action", 1);
    if (argument == "wind") file.input("wind", {1}, true);
    step.argument(argument, 1);
    return file.program("step", step.output("next_state", {0}).output("reward", {2})).load();
}

TEST(per_step_inputs_change_with_every_model_step) {
    const float wind[] = {1, 10, 100, 1000};
    EXPECT(roll(rewarding("wind"), {1, 2, 2, 1}, {{0, 0}}, {0}, {wind}).returns[0] == 1111);
    EXPECT(roll(rewarding("wind"), {1, 1, 4, 0.5}, {{0}}, {0}, {wind}).returns[0] == 1 + 5 + 25 + 125);
}

TEST(time_is_seconds_since_the_plan_began) {
    EXPECT(roll(rewarding("time"), {1, 2, 2, 1}, {{0, 0}}, {0}).returns[0] == 0 + 0.5f + 1 + 1.5f);
}

TEST(the_previous_action_is_the_executed_one_and_then_the_plans_own) {
    const auto result = roll(rewarding("previous_action"), {1, 2, 2, 1}, {{3, 5}}, {0}, {}, {7});
    EXPECT(result.returns[0] == 7 + 3 + 3 + 5, result.returns[0]);
}

TEST(noise_is_zero_in_a_rollout) { EXPECT(roll(rewarding("noise"), {1, 2, 2, 1}, {{3, 5}}, {0}).returns[0] == 0); }

TEST(an_ensembles_return_and_states_are_means_over_members) {
    // x' = x + bias of the member, reward x'
    ProblemFile file(1, 1);
    file.graph["members"] = 3;
    ProgramText step;
    step.json["members"] = 3;
    step.argument("state", 1).argument("action", 1).linear({0}, {2}, "w", "b").output("next_state", {2}).output("reward", {2});
    file.tensor("w", {1, 1, 1}, {1}).tensor("b", {3, 1}, {1, 2, 6}).program("step", step);
    const auto result = roll(file.load(), {1, 2, 1, 1}, {{0, 0}}, {0});
    EXPECT(close(result.returns[0], ((1 + 2) + (2 + 4) + (6 + 12)) / 3.0), result.returns[0]);
    EXPECT(close(result.states[1], 3) && close(result.states[2], 6));
}

TEST(one_member_that_ends_leaves_the_others_their_rewards) {
    // x' = x + bias; reward x'; ends when x' > 1: only the second member ends, at its first step.
    ProblemFile file(1, 1);
    file.graph["members"] = 2;
    ProgramText step;
    step.json["members"] = 2;
    step.json["constants"] = 1;
    step.argument("state", 1).argument("action", 1).linear({1}, {3}, "w", "b").op("lt", {{0}, {3}}, {4});
    step.output("next_state", {3}).output("reward", {3}).output("termination", {4});
    file.tensor("w", {1, 1, 1}, {1}).tensor("b", {2, 1}, {0.25f, 2}).tensor("step/constants", {1, 1}, {1}).program("step", step);
    EXPECT(close(roll(file.load(), {1, 2, 1, 1}, {{0, 0}}, {0}).returns[0], (0.25 + 0.5 + 2) / 2));
}

TEST(next_states_may_be_states_themselves_in_another_order) {
    ProblemFile file(2, 1);
    ProgramText step;
    step.argument("state", 2).argument("action", 1).output("next_state", {1, 0}).output("reward", {0});
    const auto result = roll(file.program("step", step).load(), {1, 3, 1, 1}, {{0, 0, 0}}, {1, 10});
    EXPECT(result.returns[0] == 1 + 10 + 1, result.returns[0]);
}

TEST(a_reward_may_be_constant_and_a_next_state_an_input) {
    ProblemFile file(1, 1);
    file.input("goal", {1});
    ProgramText step;
    step.json["constants"] = 1;
    step.argument("state", 1).argument("action", 1).argument("goal", 1, "uniform").output("next_state", {3}).output("reward", {0});
    file.tensor("step/constants", {1, 1}, {2});
    const float goal = 5;
    const auto result = roll(file.program("step", step).load(), {1, 3, 1, 1}, {{0, 0, 0}}, {1}, {&goal});
    EXPECT(result.returns[0] == 6 && result.states[1] == 5 && result.states[3] == 5);
}

TEST(not_a_number_stays_with_its_candidate) {
    const auto problem = line().load();
    auto actions = random_actions(40, 2);
    const float goal = 0;
    const auto before = roll(problem, {1, 2, 1, 1}, actions, {0}, {&goal});
    actions[17][0] = std::nanf("");
    const auto after = roll(problem, {1, 2, 1, 1}, actions, {0}, {&goal});
    for (int n = 0; n < 40; ++n)
        EXPECT(n == 17 ? std::isnan(after.returns[n]) : after.returns[n] == before.returns[n], "candidate ", n);
}

TEST(new_weights_are_used_from_the_next_rollout_on) {
    const auto file = [](float bias) {
        ProblemFile made(1, 1);
        ProgramText step;
        step.argument("state", 1).argument("action", 1).linear({0}, {2}, "w", "b").output("next_state", {2}).output("reward", {2});
        return made.tensor("w", {1, 1, 1}, {1}).tensor("b", {1, 1}, {bias}).program("step", step);
    };
    const auto problem = file(1).load();
    mbrl::Rollout rollout(problem, {1, 1, 1, 1}, std::make_shared<mbrl::ThreadPool>(1));
    const float zero = 0;
    mbrl::AlignedFloats actions(16), returns(16);
    for (const float bias : {1.0f, 4.0f}) {
        problem->assign_weights(*file(bias).load());
        rollout.start(&zero, &zero, {});
        rollout.run({actions.data(), 16}, 1, returns.data());
        EXPECT(returns[0] == bias, returns[0]);
    }
}

TEST(shapes_must_be_positive) {
    const auto problem = line().load();
    const auto pool = std::make_shared<mbrl::ThreadPool>(1);
    EXPECT_ERROR(mbrl::Rollout(problem, {0, 1, 1, 1}, pool), "population must be >= 1, got 0");
    EXPECT_ERROR(mbrl::Rollout(problem, {1, 0, 1, 1}, pool), "horizon must be >= 1, got 0");
    EXPECT_ERROR(mbrl::Rollout(problem, {1, 1, -1, 1}, pool), "steps_per_knot must be >= 1, got -1");
}

}  // namespace

TEST_MAIN
