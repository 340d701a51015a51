// Objectives over the members of an ensemble: their definitions, the same bits for any threads and tiles, and pruning that is
// exact.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "golden_problems.hpp"
#include "planning.hpp"
#include "test.hpp"

namespace {

using mbrl::combine;
using mbrl::Objective;

float of(Objective objective, double risk, std::vector<float> returns, int members = 1) {
    return combine(objective, risk, returns.data(), static_cast<int>(returns.size()), members);
}

TEST(objectives_are_what_they_are_called) {
    const std::vector<float> returns = {3, -1, 5, 1};
    EXPECT(of(Objective::mean, 0, returns) == 2);
    EXPECT(of(Objective::worst, 0, returns) == -1);
    EXPECT(of(Objective::mean_std, -1, returns) == static_cast<float>(2 - std::sqrt(5.0)));
    EXPECT(of(Objective::mean_std, 2, returns) == static_cast<float>(2 + 2 * std::sqrt(5.0)));
    EXPECT(of(Objective::mean_std, 3, {7}) == 7, "one member has no spread");
}

TEST(spread_is_chance_within_members_and_ignorance_between_them) {
    const std::vector<float> returns = {1, 3, 7, 13};  // of two members: means 2 and 10, variances 1 and 9
    EXPECT(of(Objective::mean_within, 2, returns, 2) == static_cast<float>(6 + 2 * std::sqrt(5.0)));
    EXPECT(of(Objective::mean_between, -1, returns, 2) == 2, "two members at 6 ± 4");
    EXPECT(of(Objective::mean_std, 1, returns, 2) == static_cast<float>(6 + std::sqrt(21.0)), "5 + 16: both together");
    EXPECT(of(Objective::mean_between, 5, returns, 1) == 6, "one member agrees with itself");
    EXPECT(of(Objective::mean_within, 5, returns, 4) == 6, "one particle of a member has no spread");
}

TEST(entropic_lies_between_the_mean_and_the_extremes) {
    const std::vector<float> returns = {-1, 1};
    EXPECT(std::fabs(of(Objective::entropic, 1, returns) - std::log(std::cosh(1.0))) < 1e-7);
    EXPECT(std::fabs(of(Objective::entropic, -1, returns) + std::log(std::cosh(1.0))) < 1e-7);
    EXPECT(std::fabs(of(Objective::entropic, 1e-6, returns)) < 1e-6, "no risk: the mean");
    EXPECT(std::fabs(of(Objective::entropic, -1e4, {3e6f, -2e6f}) + 2e6f) < 1, "all risk: the worst, without overflow");
    EXPECT(of(Objective::entropic, -2, {7, 7, 7}) == 7);
}

TEST(cvar_counts_the_last_member_in_part) {
    const std::vector<float> returns = {3, -1, 5, 1};
    EXPECT(of(Objective::cvar, 1, returns) == 2, "all of them");
    EXPECT(of(Objective::cvar, 0.5, returns) == 0, "the worst two");
    EXPECT(of(Objective::cvar, 0.25, returns) == -1, "the worst one");
    EXPECT(of(Objective::cvar, 0.01, returns) == -1, "less than one: the worst");
    EXPECT(of(Objective::cvar, 0.375, returns) == static_cast<float>((-1 + 0.5 * 1) / 1.5), "one and a half");
    EXPECT(of(Objective::cvar, 0.875, returns) == static_cast<float>((-1 + 1 + 3 + 0.5 * 5) / 3.5), "three and a half");
    float before = -2;
    for (double risk = 0.01; risk <= 1; risk += 0.01) {
        const float now = of(Objective::cvar, risk, returns);
        EXPECT(now >= before, "grows with the share: ", risk);
        before = now;
    }
}

TEST(the_order_of_members_is_nothing_to_cvar_and_worst) {
    std::vector<float> returns = {0.1f, 1e7f, -3.3f, 0.7f, 2.2f};
    std::sort(returns.begin(), returns.end());
    const float tail = of(Objective::cvar, 0.7, returns), worst = of(Objective::worst, 0, returns);
    while (std::next_permutation(returns.begin(), returns.end()))
        EXPECT(of(Objective::cvar, 0.7, returns) == tail && of(Objective::worst, 0, returns) == worst);
}

TEST(risk_out_of_range_is_named) {
    EXPECT_ERROR(mbrl::check_objective(Objective::cvar, 0), "risk must be in (0, 1] for objective cvar, got 0");
    EXPECT_ERROR(mbrl::check_objective(Objective::cvar, 1.5), "risk must be in (0, 1] for objective cvar, got 1.5");
    EXPECT_ERROR(mbrl::check_objective(Objective::mean_std, NAN), "risk must be finite, got nan");
    EXPECT_ERROR(mbrl::check_objective(Objective::mean, 1),
                 "risk must be 0 for the objectives mean and worst, which have none, got 1");
    mbrl::CEMSettings settings;
    settings.objective = Objective::cvar;
    EXPECT_ERROR(mbrl::CEM(test::everything().load(), settings), "risk must be in (0, 1] for objective cvar, got 0");
}

struct Case {
    Objective objective;
    double risk;
};
const Case cases[] = {{Objective::mean, 0},      {Objective::mean_std, -1.5},  {Objective::mean_std, 0.5},
                      {Objective::worst, 0},     {Objective::cvar, 0.4},       {Objective::cvar, 0.9},
                      {Objective::entropic, -1}, {Objective::mean_between, -1}};

/// Returns of `count` candidates on the three networks.
std::vector<float> roll(const Case& c, int count, int population, int threads, int keep = 0) {
    const auto problem = test::networks().load();
    mbrl::Rollout rollout(problem, {population, 4, 3, 0.98, c.objective, c.risk}, std::make_shared<mbrl::ThreadPool>(threads));
    const int padded = rollout.padded_population(), elements = 4 * problem->action_size;
    mbrl::AlignedFloats actions(static_cast<std::size_t>(elements) * padded), returns(padded);
    for (int n = 0; n < padded; ++n) {
        const auto numbers = test::fractions(elements, static_cast<std::uint32_t>(100 + std::min(n, count - 1)), 1);
        for (int e = 0; e < elements; ++e) actions[static_cast<std::size_t>(e) * padded + n] = numbers[e];
    }
    const auto state = test::fractions(3, 5, 1), goal = test::fractions(3, 6, 0.5f);
    rollout.start(state.data(), nullptr, {goal.data()});
    mbrl::Budget budget;
    budget.keep = keep;
    rollout.run({actions.data(), padded}, count, returns.data(), {nullptr, 0}, budget);
    return {returns.data(), returns.data() + count};
}

TEST(threads_and_tiles_do_not_change_a_bit) {
    for (const Case& c : cases) {
        const auto expected = roll(c, 203, 203, 1);
        for (int threads : {2, 3, 4, 8}) EXPECT(roll(c, 203, 203, threads) == expected, threads, " threads");
        EXPECT(roll(c, 203, 1000, 1) == expected, "as a part of a larger population");
        const auto few = roll(c, 9, 9, 1);  // the candidates do not depend on the others
        EXPECT(std::equal(few.begin(), few.end() - 1, expected.begin()), "alone");
    }
}

TEST(objectives_stand_in_their_order) {
    const auto mean = roll({Objective::mean, 0}, 60, 60, 1), worst = roll({Objective::worst, 0}, 60, 60, 1);
    const auto tail = roll({Objective::cvar, 0.5}, 60, 60, 1), all = roll({Objective::cvar, 1}, 60, 60, 1);
    const auto cautious = roll({Objective::mean_std, -1}, 60, 60, 1), bold = roll({Objective::mean_std, 1}, 60, 60, 1);
    for (int n = 0; n < 60; ++n) {
        EXPECT(worst[n] < tail[n] && tail[n] < mean[n] && cautious[n] < mean[n] && mean[n] < bold[n], n);
        EXPECT(std::fabs(all[n] - mean[n]) <= 1e-6f * std::fabs(mean[n]), n, ": ", all[n], " and ", mean[n]);
    }
}

/// x' = x + u · w, a reward of -|x'| at most 0, with a weight of its own in each of three members.
std::shared_ptr<mbrl::Problem> bounded() {
    test::ProblemFile file(1, 1);
    file.graph["members"] = 3;
    test::ProgramText step;  // rows: 0 weight, 1 x, 2 u, 3 x', 4 distance, 5 reward
    step.json["members"] = 3;
    step.json["constants"] = 1;
    step.argument("state", 1).argument("action", 1);
    step.op("fma", {{0}, {2}, {1}}, {3}).op("abs", {{3}}, {4}).op("neg", {{4}}, {5});
    file.tensor("step/constants", {3, 1}, {0.5f, 1.0f, 2.0f});
    return file.program("step", step.output("next_state", {3}).output("reward", {5})).load();
}

TEST(pruned_plans_are_the_same_plans_and_only_where_that_is_exact) {
    for (const Case& c : cases) {
        std::vector<std::vector<float>> answers;
        std::vector<std::int64_t> steps;
        for (const bool prune : {false, true}) {
            mbrl::CEMSettings settings;
            settings.objective = c.objective;
            settings.risk = c.risk;
            settings.population = 600;
            settings.horizon = 6;
            settings.steps_per_knot = 4;
            settings.prune = prune;
            mbrl::CEM planner(bounded(), settings);
            const float state = 0.7f;
            const auto& plan = planner.plan({&state, nullptr, {}});
            answers.push_back(plan.actions);
            answers.back().push_back(plan.value);
            steps.push_back(plan.model_steps);
        }
        EXPECT(answers[0] == answers[1], static_cast<int>(c.objective), ", ", c.risk);
        const bool exact = c.objective != Objective::mean_std || c.risk <= 0;
        EXPECT(exact == (steps[1] < steps[0]), static_cast<int>(c.objective), ", ", c.risk, ": ", steps[1], " of ", steps[0]);
    }
}

TEST(a_member_that_is_not_finite_makes_the_candidate_so) {
    // reward sqrt(w + u): members with w = 0.5, 1 and 2; below -0.5 only the first is NaN
    test::ProblemFile file(1, 1);
    file.graph["members"] = 3;
    test::ProgramText step;
    step.json["members"] = 3;
    step.json["constants"] = 1;
    step.argument("state", 1).argument("action", 1).op("add", {{0}, {2}}, {3}).op("sqrt", {{3}}, {4});
    file.tensor("step/constants", {3, 1}, {0.5f, 1.0f, 2.0f});
    const auto problem = file.program("step", step.output("next_state", {1}).output("reward", {4})).load();
    for (const Case& c : cases) {
        mbrl::Rollout rollout(problem, {2, 1, 1, 1, c.objective, c.risk}, std::make_shared<mbrl::ThreadPool>(1));
        mbrl::AlignedFloats actions(16), returns(16);
        actions[0] = -0.75f;
        const float state = 0;
        rollout.start(&state, nullptr, {});
        rollout.run({actions.data(), 16}, 2, returns.data());
        EXPECT(!std::isfinite(returns[0]), returns[0]);
        EXPECT(std::isfinite(returns[1]), returns[1]);
    }
}

}  // namespace

TEST_MAIN
