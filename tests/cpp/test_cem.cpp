// The cross-entropy method: bounds, bits over threads, answers when nothing is finite, and the errors of its settings.
#include <cmath>
#include <functional>

#include "planning.hpp"
#include "test.hpp"

namespace {

using mbrl::CEM;
using mbrl::CEMSettings;
using test::drive;
using test::everything;
using test::line;
using test::rich_settings;
using test::same;

TEST(threads_do_not_change_a_bit) {
    for (const bool rich : {false, true}) {
        CEMSettings settings = rich ? rich_settings() : CEMSettings{};
        CEM one(everything().load(), settings);
        const auto expected = drive(one, 4);
        for (int threads : {2, 3, 4, 8}) {
            settings.threads = threads;
            CEM planner(everything().load(), settings);
            EXPECT(same(drive(planner, 4), expected), threads, " threads");
        }
    }
}

TEST(the_same_seed_plans_the_same_and_another_something_else) {
    CEMSettings settings = rich_settings();
    CEM one(everything().load(), settings), two(everything().load(), settings);
    const auto expected = drive(one, 3);
    EXPECT(same(drive(two, 3), expected));
    one.reset();
    EXPECT(same(drive(one, 3), expected), "after a reset");
    settings.seed += 1;
    CEM other(everything().load(), settings);
    EXPECT(!same(drive(other, 3), expected));
}

TEST(streams_are_independent) {
    CEM planner(line().load(), rich_settings()), alone(line().load(), rich_settings());
    planner.reserve_streams(3);
    alone.reserve_streams(3);
    const float state = 0.5f, previous = 0, goal = -1;
    for (int repeat = 0; repeat < 2; ++repeat) {
        for (int stream = 0; stream < 3; ++stream) planner.plan({&state, &previous, {&goal}, 1, stream});
        alone.plan({&state, &previous, {&goal}, 1, 2});
    }
    EXPECT(planner.memory(2) == alone.memory(2));
    EXPECT(planner.memory(0).mean != planner.memory(1).mean);
    planner.reset_stream(1);
    EXPECT(planner.memory(1).plans == 0 && planner.memory(2).plans == 2);
}

TEST(memory_carries_on_in_another_planner) {
    CEM one(everything().load(), rich_settings()), two(everything().load(), rich_settings());
    drive(one, 2);
    two.set_memory(0, one.memory(0));
    EXPECT(same(drive(one, 2), drive(two, 2)));
    auto wrong = one.memory(0);
    wrong.mean.pop_back();
    EXPECT_ERROR(two.set_memory(0, wrong), "planner memory must fit the settings, got a mean of 3 and kept elites of 12 numbers");
    wrong = one.memory(0);
    wrong.kept_count = 99;
    EXPECT_ERROR(two.set_memory(0, wrong), "planner memory must fit the settings");
}

TEST(actions_stay_within_bounds_even_where_every_elite_lies_on_one) {
    const float goals[] = {-100, 100};
    for (const auto& [low, high] :
         std::vector<std::pair<float, float>>{{-0.1f, 0.3f}, {0.7f, 0.9f}, {-1e-3f, 1.1f}, {0.1f, 0.1f}}) {
        for (const float& goal : goals) {
            for (const bool rich : {false, true}) {
                CEMSettings settings = rich ? rich_settings() : CEMSettings{};
                settings.returns_best = false;
                for (int elites : {3, 7, 10}) {
                    settings.elites = elites;
                    CEM planner(line().bounds({low}, {high}).load(), settings);
                    const float state = 0, previous = 0;
                    for (int i = 0; i < 3; ++i)
                        for (const float u : planner.plan({&state, &previous, {&goal}}).actions)
                            EXPECT(u >= low && u <= high, "action ", u, " of bounds ", low, " and ", high);
                }
            }
        }
    }
}

TEST(bounds_as_wide_as_floats_stay_finite) {
    CEM planner(line().bounds({-3e38f}, {3e38f}).load(), CEMSettings{});
    const float state = 0, previous = 0, goal = 1;
    for (const float u : planner.plan({&state, &previous, {&goal}}).actions) EXPECT(std::isfinite(u), u);
}

TEST(better_plans_come_with_iterations) {
    const float state = 3, previous = 0, goal = -1;
    float before = -INFINITY;
    for (int iterations : {1, 3, 8}) {
        CEMSettings settings;
        settings.steps_per_knot = 1;
        settings.iterations = iterations;
        CEM planner(line().load(), settings);
        const auto& plan = planner.plan({&state, &previous, {&goal}});
        EXPECT(plan.value > before, iterations, " iterations: ", plan.value);
        before = plan.value;
        EXPECT(plan.status == mbrl::PlanStatus::ok);
    }
    EXPECT(before > -6.5, "the best return is -6: ", before);
}

/// A reward that is NaN whatever one does: sqrt(-1).
std::shared_ptr<mbrl::Problem> hopeless() {
    test::ProblemFile file(1, 2);
    test::ProgramText step;
    step.json["constants"] = 1;
    step.argument("state", 1).argument("action", 2).op("sqrt", {{0}}, {4}).output("next_state", {1}).output("reward", {4});
    return file.tensor("step/constants", {1, 1}, {-1}).bounds({-1, 0}, {1, 0.5f}).program("step", step).load();
}

TEST(without_a_finite_candidate_the_answer_is_the_middle_of_the_bounds) {
    for (const bool rich : {false, true}) {
        CEM planner(hopeless(), rich ? rich_settings() : CEMSettings{});
        const float state = 0, previous[] = {0, 0};
        for (int i = 0; i < 3; ++i) {
            const auto& plan = planner.plan({&state, previous, {}});
            EXPECT(plan.status == mbrl::PlanStatus::no_finite_candidate);
            for (std::size_t e = 0; e < plan.actions.size(); ++e) EXPECT(plan.actions[e] == (e % 2 ? 0.25f : 0), plan.actions[e]);
        }
    }
}

TEST(few_finite_candidates_are_enough) {
    // reward sqrt(u - 0.9): finite for few candidates only
    test::ProblemFile file(1, 1);
    test::ProgramText step;
    step.json["constants"] = 1;
    step.argument("state", 1).argument("action", 1).op("sub", {{2}, {0}}, {3}).op("sqrt", {{3}}, {4});
    step.output("next_state", {1}).output("reward", {4});
    file.tensor("step/constants", {1, 1}, {0.9f}).program("step", step);
    CEMSettings settings;
    settings.horizon = settings.steps_per_knot = 1;
    settings.init_std = 0.5;
    CEM planner(file.load(), settings);
    const float state = 0, previous = 0;
    const auto& plan = planner.plan({&state, &previous, {}});
    EXPECT(plan.status == mbrl::PlanStatus::ok && plan.actions[0] >= 0.9f && std::isfinite(plan.value), plan.actions[0]);
}

TEST(the_value_is_the_return_of_the_answer) {
    for (const bool best : {false, true}) {
        CEMSettings settings = rich_settings();
        settings.returns_best = best;
        settings.discount = 1;
        CEM planner(line().load(), settings);
        const float state = 1, previous = 0, goal = -0.5f;
        const auto& plan = planner.plan({&state, &previous, {&goal}});
        double x = state, value = 0;
        EXPECT(plan.states[0] == state);
        for (int t = 0; t < 8; ++t) {
            x += plan.actions[t / 2];
            value -= std::fabs(x - goal);
            EXPECT(std::fabs(plan.states[t + 1] - x) < 1e-5);
        }
        EXPECT(std::fabs(plan.value - value) < 1e-4, plan.value, " and ", value);
    }
}

TEST(a_warm_start_moves_the_held_plan_by_the_elapsed_time) {
    // No finite return: the answer is the shifted memory itself.
    CEMSettings settings;
    settings.horizon = 3;
    settings.steps_per_knot = 4;
    settings.warm_start = true;
    const float state = 0, previous[] = {0, 0};
    const auto shifted = [&](double elapsed) {
        CEM planner(hopeless(), settings);
        mbrl::Memory memory;
        memory.plans = 1;
        memory.mean = {0, 0, 0.4f, 0.1f, 0.8f, 0.5f};
        memory.answer = memory.mean;
        planner.set_memory(0, memory);
        return planner.plan({&state, previous, {}, elapsed}).actions;
    };
    const auto expect = [&](double elapsed, std::vector<float> expected) {
        const auto got = shifted(elapsed);
        for (int e = 0; e < 6; ++e) EXPECT(std::fabs(got[e] - expected[e]) < 1e-6, elapsed, " steps, element ", e, ": ", got[e]);
    };
    expect(0, {0, 0, 0.4f, 0.1f, 0.8f, 0.5f});
    expect(1, {0.1f, 0.025f, 0.5f, 0.2f, 0.8f, 0.5f});
    expect(4, {0.4f, 0.1f, 0.8f, 0.5f, 0.8f, 0.5f});
    expect(6, {0.6f, 0.3f, 0.8f, 0.5f, 0.8f, 0.5f});
    expect(1e9, {0.8f, 0.5f, 0.8f, 0.5f, 0.8f, 0.5f});
}

TEST(settings_out_of_range_are_named) {
    const auto error = [](const std::function<void(CEMSettings&)>& change) {
        CEMSettings settings;
        change(settings);
        return test::error_of([&] { CEM(line().load(), settings); });
    };
#define EXPECT_SETTING(CHANGE, SENTENCE) \
    EXPECT(error([](CEMSettings& s) { CHANGE; }) == SENTENCE, error([](CEMSettings& s) { CHANGE; }))
    EXPECT_SETTING(s.horizon = 0, "horizon must be >= 1, got 0");
    EXPECT_SETTING(s.steps_per_knot = 0, "steps_per_knot must be >= 1, got 0");
    EXPECT_SETTING(s.population = 0, "population must be >= 1, got 0");
    EXPECT_SETTING(s.elites = 0, "elites must be >= 1, got 0");
    EXPECT_SETTING((s.population = 8, s.elites = 16), "population must be >= elites, got population=8, elites=16");
    EXPECT_SETTING(s.iterations = 0, "iterations must be >= 1, got 0");
    EXPECT_SETTING(s.init_std = 0, "init_std must be > 0 and finite, got 0");
    EXPECT_SETTING(s.init_std = NAN, "init_std must be > 0 and finite, got nan");
    EXPECT_SETTING(s.min_std = -1, "min_std must be >= 0 and finite, got -1");
    EXPECT_SETTING(s.momentum = 1, "momentum must be in [0, 1), got 1");
    EXPECT_SETTING(s.discount = 0, "discount must be in (0, 1], got 0");
    EXPECT_SETTING(s.discount = 1.5, "discount must be in (0, 1], got 1.5");
    EXPECT_SETTING(s.keep_elites = 11, "keep_elites must be in 0..elites, got keep_elites=11, elites=10");
    EXPECT_SETTING(s.fresh_fraction = 1.5, "fresh_fraction must be in [0, 1], got 1.5");
    EXPECT_SETTING((s.fresh_fraction = 1, s.include_mean = true),
                   "population must hold the mean, the kept elites and the fresh candidates, got population=100, include_mean=1, "
                   "keep_elites=0, fresh=100");
    EXPECT_SETTING(s.noise_beta = -1, "noise_beta must be in [0, 10], got -1");
    EXPECT_SETTING(s.threads = 0, "threads must be in 1..1024, got 0");
    EXPECT_SETTING(s.horizon = 1000000, "horizon * steps_per_knot must be <= 1000000, got 5000000");
    EXPECT_SETTING(s.population = 20000000, "population must be <= 10000000, got 20000000");
}

TEST(planning_needs_a_reward) {
    test::ProblemFile file(1, 1);
    test::ProgramText step;
    step.argument("state", 1).argument("action", 1).output("next_state", {0});
    const auto problem = file.program("step", step).load();
    EXPECT_ERROR(CEM(problem, CEMSettings{}), "planning needs a reward: export the problem with one");
}

TEST(the_smallest_planner_works) {
    CEMSettings settings;
    settings.horizon = settings.steps_per_knot = settings.population = settings.elites = settings.iterations = 1;
    CEM planner(line().load(), settings);
    const float state = 0, previous = 0, goal = 0;
    const auto& plan = planner.plan({&state, &previous, {&goal}});
    EXPECT(plan.actions.size() == 1 && plan.states.size() == 2 && plan.model_steps == 2, plan.model_steps);
}

}  // namespace

TEST_MAIN
