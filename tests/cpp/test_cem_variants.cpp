// CEM with truncated normals, a full covariance and discrete actions: the numbers behind them, and plans with known answers.
#include <algorithm>
#include <cmath>
#include <functional>

#include "kernels/dispatch.hpp"
#include "planners/noise.hpp"
#include "planning.hpp"
#include "test.hpp"

namespace {

using mbrl::CEM;
using mbrl::CEMSettings;
using mbrl::normal_quantile;

double cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

/// The truncated normal by bisection in double precision.
double truncated(double z) {
    const double p = cdf(-2) + (1 - 2 * cdf(-2)) * cdf(z);
    double low = -2, high = 2;
    for (int i = 0; i < 60; ++i) (cdf(0.5 * (low + high)) < p ? low : high) = 0.5 * (low + high);
    return 0.5 * (low + high);
}

TEST(truncated_normals_are_those_of_double_precision_and_in_order) {
    constexpr int count = 16384;
    mbrl::AlignedFloats row(count);
    const auto number = [](int i) { return 0x1p-10f * static_cast<float>(2 * i - count + 1); };  // -16 to 16, symmetric
    for (int i = 0; i < count; ++i) row[i] = number(i);
    mbrl::kernels().truncate(row.data(), count);
    double worst = 0;
    for (int i = 0; i < count; ++i) {
        const double z = number(i);
        worst = std::max(worst, std::fabs(row[i] - truncated(z)));
        EXPECT(row[i] >= -2 && row[i] <= 2, row[i]);
        EXPECT(i == 0 || row[i] >= row[i - 1] - 5e-7f, "at ", z, ": ", row[i], " after ", row[i - 1]);
        EXPECT(row[i] == -row[count - 1 - i], "odd at ", z);
    }
    std::printf("  largest error of a truncated normal: %.2g\n", worst);
    EXPECT(worst < 1.5e-6, worst);
}

TEST(truncated_noise_has_the_moments_of_the_truncated_normal) {
    constexpr int count = 65536;
    mbrl::AlignedFloats rows(4 * count);
    mbrl::draw_normals(mbrl::noise_key(5, 0), 0, 0, 1, 0, count, rows.data(), count);
    mbrl::kernels().truncate(rows.data(), count);
    double sum = 0, squares = 0;
    for (int i = 0; i < count; ++i) {
        sum += rows[i];
        squares += double{rows[i]} * rows[i];
    }
    const double density = std::exp(-2.0) / std::sqrt(2 * M_PI), variance = 1 - 4 * density / (1 - 2 * cdf(-2));
    EXPECT(std::fabs(sum / count) < 0.02, sum / count);
    EXPECT(std::fabs(squares / count - variance) < 0.02, squares / count, " and ", variance);
}

TEST(quantiles_of_the_normal_are_the_inverse_of_its_distribution) {
    for (int i = 1; i < 4000; ++i) {
        const double p = i / 4000.0, z = normal_quantile(p);
        EXPECT(std::fabs(cdf(z) - p) < 1e-15 + 4e-16 * std::fabs(z), p, ": ", z);
        EXPECT(normal_quantile(1 - p) == -normal_quantile(p) || std::fabs(normal_quantile(1 - p) + z) < 1e-12, p);
    }
    for (const double p : {1e-10, 1e-6, 1e-4}) EXPECT(std::fabs(cdf(normal_quantile(p)) / p - 1) < 1e-12, p);
    EXPECT(normal_quantile(0.5) == 0);
    EXPECT(std::isinf(normal_quantile(0)) && normal_quantile(0) < 0 && std::isinf(normal_quantile(1)) && normal_quantile(1) > 0);
}

/// Correlated elites: element 1 follows element 0, element 2 does not vary, element 3 is its own.
std::vector<float> elites(int count) {
    std::vector<float> rows(4 * count);
    for (int k = 0; k < count; ++k) {
        const float u = static_cast<float>(k % 7) - 3, v = static_cast<float>(k % 5) - 2;
        rows[k] = u;
        rows[count + k] = 0.5f * u + 0.1f * v + 1;
        rows[2 * count + k] = 0.25f;
        rows[3 * count + k] = v;
    }
    return rows;
}

std::vector<int> order(int count) {
    std::vector<int> list(count);
    for (int i = 0; i < count; ++i) list[i] = i;
    return list;
}

TEST(the_factor_is_that_of_the_shrunk_correlation) {
    const auto rows = elites(35);
    for (const double shrinkage : {0.0, 0.3, 1.0}) {
        mbrl::Correlation correlation(2, 2, {}, shrinkage, 0);
        correlation.reserve(35);
        correlation.refit(rows.data(), 35, order(35).data(), 35);
        const auto& l = correlation.factor();
        const double expected = (1 - shrinkage) * 0.5 * 2 / std::sqrt(0.25 * 4 + 0.01 * 2);  // var u = 4, var v = 2
        const auto product = [&](int i, int j) {
            double sum = 0;
            for (int k = 0; k < 4; ++k) sum += double{l[4 * i + k]} * l[4 * j + k];
            return sum;
        };
        EXPECT(std::fabs(product(0, 1) - expected) < 1e-5, shrinkage, ": ", product(0, 1), " and ", expected);
        for (int i = 0; i < 4; ++i) {
            EXPECT(std::fabs(product(i, i) - 1) < 1e-5, i, ": ", product(i, i));
            if (i != 2) EXPECT(std::fabs(product(2, i)) < 1e-6, "what does not vary is correlated with nothing");
            for (int j = i + 1; j < 4; ++j) EXPECT(l[4 * i + j] == 0, "lower");
        }
    }
}

TEST(fewer_elites_are_shrunk_more_and_stay_definite) {
    double before = 0;
    for (int count : {35, 10, 3, 2, 1}) {
        mbrl::Correlation correlation(2, 2, {}, std::nullopt, 0);
        correlation.reserve(35);
        const auto rows = elites(35);
        correlation.refit(rows.data(), 35, order(35).data(), count);
        EXPECT(correlation.shrunk() >= before && correlation.shrunk() <= 1, count, " elites: ", correlation.shrunk());
        before = correlation.shrunk();
        for (int i = 0; i < 4; ++i) EXPECT(correlation.factor()[5 * i] > 0, count, " elites, pivot ", i);
    }
    EXPECT(before == 1, before);
}

TEST(a_matrix_that_is_not_definite_becomes_the_diagonal) {
    std::vector<float> rows(8, NAN);
    mbrl::Correlation correlation(2, 1, {}, 0.0, 0);
    correlation.reserve(4);
    correlation.refit(rows.data(), 4, order(4).data(), 4);
    rows = {1, 2, 3, INFINITY, 1, 2, 3, 4};
    correlation.refit(rows.data(), 4, order(4).data(), 4);
    const auto& l = correlation.factor();
    EXPECT(l[0] == 1 && l[1] == 0 && l[2] == 0 && l[3] == 1, l[0], " ", l[2], " ", l[3]);
}

TEST(momentum_keeps_a_part_of_the_colour) {
    const auto colour = mbrl::coloured_noise_factor(2, 2.0);
    mbrl::Correlation correlation(2, 1, colour, 1.0, 0.5);
    correlation.reserve(4);
    const std::vector<float> rows = {1, 2, 3, 4, 4, 2, 1, 3};
    correlation.refit(rows.data(), 4, order(4).data(), 4);
    const double begin = double{colour[0]} * colour[2];
    EXPECT(std::fabs(correlation.factor()[2] - 0.5 * begin) < 1e-6, correlation.factor()[2], " and half of ", begin);
    EXPECT(correlation.fitted());
    correlation.reset();
    EXPECT(!correlation.fitted());
}

/// Settings that use every feature, with one of the variants.
CEMSettings variant(int which) {
    CEMSettings s = test::rich_settings();
    s.truncate = which == 0 || which == 3;
    s.momentum_on_variance = which == 0;
    s.full_covariance = which == 1 || which == 3;
    if (which == 2) s.choices = {5};
    return s;
}

TEST(threads_do_not_change_a_bit) {
    for (int which = 0; which < 4; ++which) {
        for (int population : {61, 203}) {
            CEMSettings settings = variant(which);
            settings.population = population;
            CEM one(test::everything().load(), settings);
            const auto expected = test::drive(one, 4);
            for (int threads : {2, 3, 8}) {
                settings.threads = threads;
                CEM planner(test::everything().load(), settings);
                EXPECT(test::same(test::drive(planner, 4), expected), "variant ", which, ", ", threads, " threads");
            }
            CEM plain(test::everything().load(), test::rich_settings());
            EXPECT(!test::same(test::drive(plain, 4), expected), "variant ", which, " does something");
        }
    }
}

/// Fresh candidates are what they would be alone: their first and their last lane of a vector, and all between.
TEST(fresh_candidates_keep_the_first_distribution_under_a_full_covariance) {
    for (int fresh : {1, 5, 8, 13, 40}) {
        CEMSettings settings = variant(1);
        settings.noise_beta = 2;
        settings.population = 61;
        settings.iterations = 2;
        settings.fresh_fraction = (fresh + 0.5) / 61;
        mbrl::Trace traces[2];
        for (const bool full : {false, true}) {
            settings.full_covariance = full;
            CEM planner(test::line().load(), settings);
            const float state = 1, goal = 0.5f;
            planner.plan({.state = &state, .previous_action = nullptr, .inputs = {&goal}, .trace = &traces[full]});
        }
        const auto &diagonal = traces[0][1].actions, &full = traces[1][1].actions;
        const auto same = [&](int n) {
            return std::equal(full.begin() + n * 4, full.begin() + n * 4 + 4, diagonal.begin() + n * 4);
        };
        for (int n = 61 - fresh; n < 61; ++n) EXPECT(same(n), fresh, " fresh, candidate ", n);
        int others = 0;
        for (int n = 4; n < 61 - fresh; ++n) others += !same(n);
        EXPECT(others > (57 - fresh) / 2, others, " of the others differ");
    }
}

TEST(discrete_actions_take_their_values_and_find_the_best) {
    // x' = x + u with u in {0, 1, 2, 3}: to come from 0 to the goal of 2 in one step and stay
    CEMSettings settings;
    settings.horizon = 4;
    settings.steps_per_knot = 1;
    settings.choices = {4};
    settings.warm_start = true;
    for (const bool best : {false, true}) {
        settings.returns_best = best;
        CEM planner(test::line().bounds({0}, {3}).load(), settings);
        const float goal = 2;
        float state = 0;
        for (int i = 0; i < 3; ++i) {
            const auto& plan = planner.plan({&state, nullptr, {&goal}});
            const std::vector<float> expected = {i == 0 ? 2.0f : 0.0f, 0, 0, 0};
            EXPECT(plan.actions == expected, "plan ", i, ": ", plan.actions[0], " ", plan.actions[1], " ", plan.actions[2]);
            EXPECT(plan.value == 0, plan.value);
            state += plan.actions[0];
        }
    }
}

TEST(every_candidate_and_every_fallback_is_a_choice) {
    CEMSettings settings = variant(2);
    settings.choices = {5};  // -1, -0.5, 0, 0.5, 1
    settings.steps_per_knot = 3;
    CEM planner(test::line().load(), settings);
    const float goal = 0.3f;
    const auto is_choice = [](float u) { return u * 2 == std::floor(u * 2) && std::fabs(u) <= 1; };
    for (int i = 0; i < 6; ++i) {
        const float state = 0.4f * static_cast<float>(i);
        mbrl::Trace trace;
        const auto& plan = planner.plan(
            {.state = &state, .previous_action = nullptr, .inputs = {&goal}, .max_tiles = i % 3 ? 100 : 0, .trace = &trace});
        for (const float u : plan.actions) EXPECT(is_choice(u), "plan ", i, ": ", u);
        for (const auto& iteration : trace)
            for (const float u : iteration.actions) EXPECT(is_choice(u), "candidate of plan ", i, ": ", u);
    }
}

TEST(probabilities_sum_to_one_keep_their_floor_and_move_with_time) {
    const auto problem = test::line().bounds({0}, {4}).load();
    const mbrl::Categorical choices(*problem, {5}, 3, 0.02, 0.25);
    std::vector<float> p(choices.numbers());
    EXPECT(p.size() == 15);
    choices.reset(p.data());
    for (const float x : p) EXPECT(x == 0.2f);
    const std::vector<float> rows = {0, 1, 1, 1, 4, 4, 2, 2, 3, 3, 3, 3};  // three knots of four elites
    choices.refit(p.data(), rows.data(), 4, order(4).data(), 4);
    const auto expected = [](double share) { return 0.02 + 0.9 * (0.25 * 0.2 + 0.75 * share); };
    EXPECT(std::fabs(p[0] - expected(0.25)) < 1e-6 && std::fabs(p[1] - expected(0.75)) < 1e-6 &&
           std::fabs(p[2] - expected(0)) < 1e-6);
    for (int h = 0; h < 3; ++h) {
        double sum = 0;
        for (int i = 0; i < 5; ++i) {
            sum += p[5 * h + i];
            EXPECT(p[5 * h + i] >= 0.02f, p[5 * h + i]);
        }
        EXPECT(std::fabs(sum - 1) < 1e-6, sum);
    }
    std::vector<float> actions = {9, 9, 9};
    choices.likeliest(p.data(), actions.data());
    EXPECT(actions[0] == 1 && actions[1] == 2 && actions[2] == 3, "the first of equals: ", actions[1]);
    std::vector<float> moved = p;
    choices.shift(moved.data(), 1.5);
    for (int i = 0; i < 5; ++i) {
        EXPECT(std::fabs(moved[i] - 0.5f * (p[5 + i] + p[10 + i])) < 1e-6);
        EXPECT(moved[5 + i] == p[10 + i] && moved[10 + i] == p[10 + i]);
    }
    actions = {-3, 1.5f, 2.4f};
    choices.settle(actions.data());
    EXPECT(actions[0] == 0 && actions[1] == 2 && actions[2] == 2, actions[1]);
}

TEST(choices_are_drawn_as_often_as_they_are_likely) {
    const auto problem = test::line().bounds({0}, {3}).load();
    mbrl::Categorical choices(*problem, {4}, 1, 0, 0);
    const std::vector<float> p = {0.5f, 0.0f, 0.125f, 0.375f};
    choices.cut(p.data());
    constexpr int count = 65536;
    mbrl::AlignedFloats rows(4 * count);
    mbrl::draw_normals(mbrl::noise_key(1, 0), 0, 0, 1, 0, count, rows.data(), count);
    choices.draw(rows.data(), 0, false, count);
    for (int i = 0; i < 4; ++i) {
        const double share = static_cast<double>(std::count(rows.data(), rows.data() + count, static_cast<float>(i))) / count;
        EXPECT(std::fabs(share - p[i]) < 0.008 && (p[i] > 0 || share == 0), i, ": ", share);
    }
}

TEST(settings_out_of_range_are_named) {
    const auto error = [](const std::function<void(CEMSettings&)>& change) {
        CEMSettings settings;
        change(settings);
        return test::error_of([&] { CEM(test::line().load(), settings); });
    };
#define EXPECT_SETTING(CHANGE, SENTENCE) \
    EXPECT(error([](CEMSettings& s) { CHANGE; }) == SENTENCE, error([](CEMSettings& s) { CHANGE; }))
    EXPECT_SETTING(s.choices = {1}, "choices must be 0 (continuous) or 2..1000, got 1");
    EXPECT_SETTING((s.choices = {2, 2}), "choices must be 1, one for each action, got 2");
    EXPECT_SETTING((s.choices = {8}, s.min_probability = 0.2),
                   "min_probability must be below 1 / 8, one over the choices, got 0.2");
    EXPECT_SETTING(s.min_probability = 0.5, "min_probability must be in [0, 0.5), got 0.5");
    EXPECT_SETTING((s.choices = {2}, s.max_rate = {0.5}), "max_rate of a discrete action must be infinite, got 0.5 for action 0");
    EXPECT_SETTING((s.choices = {2}, s.full_covariance = true), "a full covariance is for continuous actions, got choices");
    EXPECT_SETTING((s.full_covariance = true, s.shrinkage = 1.5), "shrinkage must be in [0, 1], got 1.5");
    EXPECT_SETTING(s.shrinkage = 0.5, "shrinkage belongs to a full covariance, got 0.5 for a diagonal one");
    EXPECT_SETTING((s.full_covariance = true, s.horizon = 300), "a full covariance is for at most 256 knots · actions, got 300");
}

}  // namespace

TEST_MAIN
