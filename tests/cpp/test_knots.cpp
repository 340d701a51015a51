// Knots that are expanded, changes that cost, proposals, and bounds of one call: in C++ alone, so that sanitizers see them.
#include <cmath>

#include "core/check.hpp"
#include "knot_settings.hpp"
#include "test.hpp"

namespace {

TEST(a_matrix_keeps_what_is_constant_and_reads_back_its_knots) {
    const std::vector<float> low = {-10, -10}, high = {10, 10};
    for (const mbrl::CEMSettings& settings : test::knot_settings()) {
        const mbrl::Knots knots(settings);
        const int steps = settings.horizon * settings.steps_per_knot;
        EXPECT(knots && knots.knots() == settings.horizon && knots.steps() == steps);
        std::vector<float> given(static_cast<std::size_t>(settings.horizon) * 2), actions(static_cast<std::size_t>(steps) * 2);
        for (std::size_t e = 0; e < given.size(); ++e) given[e] = 0.3f * static_cast<float>(e % 5) - 0.4f;
        knots.expand(given.data(), actions.data(), 1, 1, low, high);
        for (int e = 0; e < static_cast<int>(given.size()); ++e)
            EXPECT(std::fabs(knots.read(actions.data(), e, 2) - given[e]) < 1e-6, e, ": ", knots.read(actions.data(), e, 2));
        if (settings.interpolation == mbrl::Interpolation::rbf) continue;
        given.assign(given.size(), 0.75f);
        knots.expand(given.data(), actions.data(), 1, 1, low, high);
        for (const float action : actions) EXPECT(std::fabs(action - 0.75f) < 1e-6, action);
    }
}

TEST(one_sequence_has_the_bits_of_a_lane) {
    const std::vector<float> low = {-0.5f}, high = {0.4f};
    for (const mbrl::CEMSettings& settings : test::knot_settings()) {
        const mbrl::Knots knots(settings);
        const int steps = settings.horizon * settings.steps_per_knot, lanes = 32;
        std::vector<float> rows(static_cast<std::size_t>(settings.horizon) * lanes), out(static_cast<std::size_t>(steps) * lanes);
        for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = std::sin(static_cast<float>(i));
        knots.expand(rows.data(), out.data(), lanes, lanes, low, high);
        for (int lane = 0; lane < lanes; ++lane) {
            std::vector<float> one(settings.horizon), alone(steps);
            for (int k = 0; k < settings.horizon; ++k) one[k] = rows[k * lanes + lane];
            knots.expand(one.data(), alone.data(), 1, 1, low, high);
            for (int t = 0; t < steps; ++t) EXPECT(alone[t] == out[t * lanes + lane], lane, ", ", t);
        }
    }
}

TEST(threads_do_not_change_a_bit) {
    for (mbrl::CEMSettings settings : test::knot_settings()) {
        mbrl::CEM one(test::guided().load(), settings);
        const auto expected = test::drive(one, 3);
        for (const int threads : {2, 5}) {
            settings.threads = threads;
            mbrl::CEM planner(test::guided().load(), settings);
            EXPECT(test::same(test::drive(planner, 3), expected), threads, " threads");
        }
    }
}

TEST(actions_stay_finite_and_within_the_bounds_whatever_is_asked) {
    for (const mbrl::CEMSettings& settings : test::knot_settings()) {
        mbrl::CEM planner(test::guided().load(), settings);
        planner.reserve_candidates(3);
        const std::vector<float> goal = {0.3f, -0.2f}, wind(100, 0.1f);
        std::vector<float> candidates(static_cast<std::size_t>(planner.horizon()) * 5, NAN);
        candidates[1] = INFINITY;
        const float state[] = {0.1f, 0.4f};
        for (const auto& [low, high] : {std::pair{-0.25f, 0.5f}, {-9.0f, -0.5f}, {NAN, NAN}, {0.5f, -0.5f}, {INFINITY, 0.0f}}) {
            const mbrl::Plan& plan = planner.plan({.state = state,
                                                   .previous_action = nullptr,
                                                   .inputs = {goal.data(), wind.data()},
                                                   .candidates = candidates.data(),
                                                   .candidate_count = 5,
                                                   .action_low = &low,
                                                   .action_high = &high});
            for (const float action : plan.actions) {
                EXPECT(action >= -1 && action <= 1, action);
                if (low == -0.25f) EXPECT(action >= -0.25f && action <= 0.5f, action);
                if (low == -9.0f) EXPECT(action <= -0.5f, action);
            }
        }
        EXPECT(planner.decision().candidates.size() == static_cast<std::size_t>(planner.horizon()) * 3);
    }
}

TEST(only_reserved_candidates_that_fit_are_tried) {
    mbrl::CEMSettings settings = test::rich_settings();
    mbrl::CEM planner(test::everything().load(), settings);
    EXPECT(planner.most_candidates() == settings.population - settings.keep_elites - 1);
    const std::string error = test::error_of([&] { planner.reserve_candidates(planner.most_candidates() + 1); });
    EXPECT(error == "candidates must be at most 57, what the population holds besides the planner's own, got 58", error);
}

}  // namespace

TEST_MAIN
