// Pruning: the same elites, bit for bit, with fewer model steps, whatever a return is made of.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "planning.hpp"
#include "test.hpp"

namespace {

using test::ProblemFile;
using test::ProgramText;

/// x' = x + u + 0.1·previous + the member's bias; reward = best − |x' − goal|; ends when x' > 1.5; terminal value
/// `terminal`·sigmoid(x).
struct Parts {
    float best = 0, terminal = 0;
    bool ends = false;
    int members = 1;

    std::shared_ptr<mbrl::Problem> load() const {
        ProblemFile file(1, 1);
        file.graph["members"] = members;
        ProgramText step;  // rows 0 best, 1 limit, 2 x, 3 u, 4 previous, 5 goal, 6 x', 7 difference, 8 distance, 9 reward, 10 ended
        step.json["members"] = members;
        step.json["constants"] = 2;
        step.argument("state", 1).argument("action", 1).argument("previous_action", 1).argument("goal", 1, "uniform");
        step.linear({2, 3, 4}, {6}, "w", "b").op("sub", {{6}, {5}}, {7}).op("abs", {{7}}, {8}).op("sub", {{0}, {8}}, {9});
        step.op("lt", {{1}, {6}}, {10}).output("next_state", {6}).output("reward", {9});
        if (ends) step.output("termination", {10});
        std::vector<float> biases(members);
        for (int m = 0; m < members; ++m) biases[m] = 0.02f * static_cast<float>(m);
        file.input("goal", {1}).program("step", step).tensor("step/constants", {1, 2}, {best, 1.5f});
        file.tensor("w", {1, 1, 3}, {1, 0.5f, 0.05f}).tensor("b", {members, 1}, biases);
        if (terminal == 0) return file.load();
        ProgramText value;  // rows 0 terminal, 1 x, 2 sigmoid, 3 value
        value.json["constants"] = 1;
        value.argument("state", 1).op("sigmoid", {{1}}, {2}).op("mul", {{0}, {2}}, {3}).output("value", {3});
        file.program("terminal_value", value).tensor("terminal_value/constants", {1, 1}, {terminal});
        return file.load();
    }
};

struct Run {
    std::vector<float> returns;
    mbrl::Progress progress;
};

/// One rollout of 300 drawn candidates; `keep` of them matter.
Run roll(const std::shared_ptr<mbrl::Problem>& problem, double discount, int threads, int keep, float goal = 0.4f) {
    const mbrl::RolloutShape shape{300, 6, 2, discount};
    mbrl::Rollout rollout(problem, shape, std::make_shared<mbrl::ThreadPool>(threads));
    const int padded = rollout.padded_population();
    mbrl::AlignedFloats rows(static_cast<std::size_t>(6) * padded), returns(padded);
    std::mt19937 random(3);
    std::uniform_real_distribution<float> number(-1, 1);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = number(random);
    rows[7] = std::nanf("");
    const float state = 0, previous = 0.3f;
    rollout.start(&state, &previous, {&goal});
    mbrl::Budget budget;
    budget.keep = keep;
    Run run{{}, {}};
    run.progress = rollout.run({rows.data(), padded}, 300, returns.data(), {nullptr, 0}, budget);
    run.returns.assign(returns.data(), returns.data() + 300);
    return run;
}

/// The best `keep` must be the same, and what was pruned must be worse than all of them.
void expect_same_elites(const std::vector<float>& all, const std::vector<float>& pruned, int keep, const std::string& what) {
    std::vector<float> sorted;
    for (float value : all)
        if (std::isfinite(value)) sorted.push_back(value);
    std::nth_element(sorted.begin(), sorted.begin() + keep - 1, sorted.end(), std::greater<float>());
    const float worst = sorted[keep - 1];
    for (std::size_t n = 0; n < all.size(); ++n) {
        const bool same = std::memcmp(&all[n], &pruned[n], sizeof(float)) == 0;
        const bool gone = pruned[n] == -std::numeric_limits<float>::infinity() && !(all[n] >= worst);
        EXPECT(same || gone, what, ", candidate ", n, ": ", all[n], " became ", pruned[n], ", the worst elite has ", worst);
    }
}

TEST(the_elites_are_the_same_whatever_a_return_is_made_of) {
    std::int64_t full = 0, spent = 0;
    for (const float best : {0.0f, 1.0f, -1.0f})
        for (const float terminal : {0.0f, 3.0f, -3.0f})
            for (const bool ends : {false, true})
                for (const int members : {1, 3}) {
                    const auto problem = Parts{best, terminal, ends, members}.load();
                    EXPECT(problem->bounds.reward >= best && problem->bounds.reward <= best + 1e-5, problem->bounds.reward);
                    for (const double discount : {1.0, 0.8})
                        for (const int threads : {1, 2})
                            for (const int keep : {1, 10, 150}) {
                                const Run all = roll(problem, discount, threads, 0), some = roll(problem, discount, threads, keep);
                                std::ostringstream text;
                                text << "reward <= " << best << ", terminal " << terminal << ", ends " << ends << ", members "
                                     << members << ", discount " << discount << ", threads " << threads << ", keep " << keep;
                                const std::string what = text.str();
                                expect_same_elites(all.returns, some.returns, keep, what);
                                EXPECT(all.progress.model_steps == 300 * 12 * members && some.progress.candidates == 300, what);
                                EXPECT(some.progress.model_steps <= all.progress.model_steps, what);
                                full += all.progress.model_steps;
                                spent += some.progress.model_steps;
                            }
                }
    EXPECT(spent < full * 9 / 10, "pruning must save something: ", spent, " of ", full, " model steps");
}

TEST(a_distance_to_a_goal_saves_model_steps) {
    ProblemFile file = test::line();
    const auto free = file.load();
    EXPECT(free->bounds.reward == 0, free->bounds.reward);
    const Run all = roll(free, 1, 1, 0), some = roll(free, 1, 1, 10);
    EXPECT(some.progress.model_steps < all.progress.model_steps * 4 / 5, some.progress.model_steps);
    expect_same_elites(all.returns, some.returns, 10, "line");
}

TEST(where_no_bound_is_known_everything_is_rolled_out) {
    ProblemFile file(1, 1);
    ProgramText step;
    step.argument("state", 1).argument("action", 1).op("add", {{0}, {1}}, {2}).output("next_state", {2}).output("reward", {2});
    file.input("goal", {1}).program("step", step);
    const auto unknown = file.load();
    EXPECT(std::isinf(unknown->bounds.reward) && unknown->bounds.reward > 0);
    EXPECT(roll(unknown, 1, 1, 10).progress.model_steps == 300 * 12);
}

TEST(equal_returns_are_not_pruned) {
    // Every candidate has the same return, the bound itself: which of them are elites is for the planner to say.
    ProblemFile file(1, 1);
    ProgramText step;
    step.json["constants"] = 1;
    step.argument("state", 1).argument("action", 1).output("next_state", {1}).output("reward", {0});
    file.input("goal", {1}).program("step", step);
    for (const float reward : {0.0f, -0.1f, 0.7f}) {
        const auto problem = file.tensor("step/constants", {1, 1}, {reward}).load();
        const Run some = roll(problem, 0.9, 1, 10);
        for (float value : some.returns) EXPECT(std::isfinite(value));
        EXPECT(some.progress.model_steps == 300 * 12);
    }
}

TEST(a_declared_bound_is_read_and_must_be_finite) {
    ProblemFile file(1, 1);
    ProgramText step;
    step.argument("state", 1).argument("action", 1).op("add", {{0}, {1}}, {2}).output("next_state", {2}).output("reward", {2});
    file.program("step", step);
    file.graph["reward_bound"] = test::hex(2);
    EXPECT(std::fabs(file.load()->bounds.reward - 2) < 1e-4 && file.load()->bounds.reward >= 2);
    file.graph["reward_bound"] = test::hex(0);
    EXPECT(file.load()->bounds.reward == 0);
    file.graph["reward_bound"] = "inf";
    EXPECT_ERROR(file.load(), "graph.reward_bound must be finite, got inf");
    file.graph["reward_bound"] = 1;
    EXPECT_ERROR(file.load(), "graph.reward_bound must be a string");
    ProblemFile line = test::line();
    line.graph["reward_bound"] = test::hex(5);
    EXPECT(line.load()->bounds.reward == 0, "the derived bound is lower");
}

TEST(new_weights_bring_their_own_bound) {
    const auto problem = Parts{-1}.load();
    mbrl::CEMSettings settings = test::rich_settings();
    settings.population = 300;
    mbrl::CEM planner(problem, settings);
    problem->assign_weights(*Parts{1}.load());
    EXPECT(problem->newest_weights()->bounds.reward >= 1 && problem->newest_weights()->bounds.reward < 1.001,
           problem->newest_weights()->bounds.reward);
    settings.prune = false;
    mbrl::CEM plain(problem, settings);
    const float state = 0, previous = 0, goal = 0.4f;
    for (int i = 0; i < 3; ++i)
        EXPECT(planner.plan({&state, &previous, {&goal}}).actions == plain.plan({&state, &previous, {&goal}}).actions);
}

TEST(plans_are_the_same_with_and_without_pruning) {
    for (const bool ends : {false, true})
        for (const int threads : {1, 2}) {
            const auto problem = Parts{-0.5f, 2, ends, 2}.load();
            mbrl::CEMSettings settings = test::rich_settings();
            settings.population = 300;
            settings.horizon = 6;
            settings.threads = threads;
            mbrl::CEM pruning(problem, settings);
            settings.prune = false;
            mbrl::CEM plain(problem, settings);
            const float previous = 0.2f, goal = 0.4f;
            for (int i = 0; i < 5; ++i) {
                const float state = 0.2f * static_cast<float>(i) - 0.3f;
                const auto& a = pruning.plan({&state, &previous, {&goal}});
                const auto& b = plain.plan({&state, &previous, {&goal}});
                EXPECT(a.actions == b.actions && a.states == b.states && a.value == b.value, "plan ", i);
                EXPECT(a.model_steps < b.model_steps, a.model_steps, " of ", b.model_steps);
            }
            EXPECT(pruning.memory(0) == plain.memory(0));
        }
}

}  // namespace

TEST_MAIN
