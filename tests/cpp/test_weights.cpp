// New weights while planners plan: all of them or none, never waited for, and freed by whoever brings newer ones.
#include <atomic>
#include <cmath>
#include <thread>

#include "planning.hpp"
#include "test.hpp"

namespace {

using mbrl::CEM;
using mbrl::CEMSettings;

/// x' = x + w·u with a constant c in the reward, both from the file: reward = c - |x'|. The two must never be of different files.
test::ProblemFile scaled(float scale) {
    test::ProblemFile file(1, 1);
    test::ProgramText step;
    step.json["constants"] = 1;
    step.argument("state", 1).argument("action", 1).linear({2}, {3}, "w", "b").op("add", {{1}, {3}}, {4});
    step.op("abs", {{4}}, {5}).op("neg", {{5}}, {6}).op("add", {{6}, {0}}, {7});
    step.output("next_state", {4}).output("reward", {7});
    return file.tensor("w", {1, 1, 1}, {scale})
        .tensor("b", {1, 1}, {0})
        .tensor("step/constants", {1, 1}, {scale})
        .program("step", step);
}

CEMSettings small() {
    CEMSettings settings;
    settings.horizon = 3;
    settings.steps_per_knot = 1;
    settings.population = 40;
    settings.iterations = 2;
    return settings;
}

float value_of(CEM& planner) {
    const float state = 0.7f;
    return planner.plan({.state = &state, .previous_action = nullptr, .inputs = {}}).value;
}

TEST(planners_that_exist_and_planners_to_come_use_the_newest_weights) {
    const auto problem = scaled(1).load();
    CEM before(problem, small());
    value_of(before);
    EXPECT(problem->assign_weights(*scaled(3).load()) == 1);
    CEM after(problem, small()), fresh(scaled(3).load(), small());
    before.reset();
    const float expected = value_of(fresh);
    EXPECT(value_of(before) == expected && value_of(after) == expected);
    EXPECT(before.decision().weights == 1);
    const auto other = scaled(9).load();
    other->assign_weights(*problem);
    CEM copied(other, small());
    EXPECT(value_of(copied) == expected, "weights that were assigned are handed on");
}

TEST(another_graph_is_refused_and_changes_nothing) {
    const auto problem = scaled(1).load();
    EXPECT_ERROR(problem->assign_weights(*test::line().load()), "new weights must come with the same graph");
    EXPECT(problem->weights.version() == 0);
}

TEST(old_weights_are_freed_by_the_update_after_the_last_plan_with_them) {
    const auto problem = scaled(1).load();
    CEM planner(problem, small());
    std::weak_ptr<const mbrl::WeightSet> first;
    {
        problem->assign_weights(*scaled(2).load());
        first = problem->weights.newest();
        value_of(planner);
    }
    problem->assign_weights(*scaled(3).load());
    EXPECT(!first.expired(), "the planner has it");
    value_of(planner);
    EXPECT(!first.expired(), "a plan frees nothing");
    problem->assign_weights(*scaled(4).load());
    EXPECT(first.expired());
}

TEST(a_plan_never_sees_half_of_an_update) {
    std::vector<std::shared_ptr<mbrl::Problem>> files;
    std::vector<float> expected;
    for (int i = 0; i < 4; ++i) {
        files.push_back(scaled(static_cast<float>(i + 1)).load());
        CEM alone(files.back(), small());
        expected.push_back(value_of(alone));
    }
    for (int threads : {1, 2}) {
        const auto problem = scaled(1).load();
        CEMSettings settings = small();
        settings.threads = threads;
        CEM planner(problem, settings);
        std::atomic<bool> done{false};
        std::thread updating([&] {
            for (int i = 0; i < 2000; ++i) problem->assign_weights(*files[i % 4]);
            done = true;
        });
        int plans = 0;
        do {
            planner.reset();
            const float value = value_of(planner);
            bool known = false;
            for (const float e : expected) known = known || value == e;
            EXPECT(known, "value ", value, " of plan ", plans);
            ++plans;
        } while (!done || plans < 50);
        updating.join();
        planner.reset();
        EXPECT(value_of(planner) == expected[3], "the last update counts");
    }
}

TEST(several_threads_may_update_and_make_planners_meanwhile) {
    const auto problem = scaled(1).load(), one = scaled(2).load(), two = scaled(3).load();
    std::vector<std::thread> threads;
    for (const auto& other : {one, two})
        threads.emplace_back([&problem, other] {
            for (int i = 0; i < 300; ++i) problem->assign_weights(*other);
        });
    for (int i = 0; i < 20; ++i) {
        CEM planner(problem, small());
        EXPECT(std::isfinite(value_of(planner)));
    }
    for (auto& thread : threads) thread.join();
    EXPECT(problem->weights.version() == 600);
}

}  // namespace

TEST_MAIN
