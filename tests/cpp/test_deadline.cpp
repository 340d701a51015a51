// Plans that are cut off: what they answer, that so many tiles repeat them, and that more of them never make it worse.
#include <cmath>

#include "planning.hpp"
#include "test.hpp"

namespace {

using mbrl::CEM;
using mbrl::CEMSettings;
using mbrl::Plan;
using mbrl::PlanStatus;

const std::vector<float> goal = {0.3f, -0.2f}, wind(64, 0.1f);
const float state[] = {0.1f, 0.4f}, previous = 0.2f;

Plan plan(CEM& planner, std::int64_t deadline, std::int64_t max_tiles = INT64_MAX, mbrl::Trace* trace = nullptr) {
    const mbrl::InputValues inputs = {goal.data(), wind.data()};
    return planner.plan({.state = state,
                         .previous_action = &previous,
                         .inputs = inputs,
                         .deadline = deadline,
                         .max_tiles = max_tiles,
                         .trace = trace});
}

CEMSettings wide(int threads) {
    CEMSettings settings = test::rich_settings();
    settings.population = 300;
    settings.threads = threads;
    return settings;
}

bool within_bounds(const Plan& plan) {
    for (const float u : plan.actions)
        if (!(u >= -1 && u <= 1)) return false;
    return true;
}

TEST(without_time_the_answer_is_safe_and_then_the_shifted_last_plan) {
    for (const std::int64_t deadline : {std::int64_t{0}, mbrl::now_ns() - 1000000}) {
        CEM planner(test::everything().load(), wide(1));
        const Plan safe = plan(planner, deadline);
        EXPECT(safe.status == PlanStatus::safe && std::isnan(safe.value) && !safe.has_states && safe.model_steps == 0);
        for (const float u : safe.actions) EXPECT(u == 0, u);
        const Plan whole = plan(planner, mbrl::kNoDeadline), shifted = plan(planner, deadline);
        EXPECT(whole.status == PlanStatus::ok && shifted.status == PlanStatus::shifted && within_bounds(shifted));
        EXPECT(shifted.actions != whole.actions, "by one model step of two");
        EXPECT(shifted.actions.back() == whole.actions.back(), "the last action is repeated");
    }
}

TEST(every_number_of_tiles_repeats_itself_and_more_are_never_worse) {
    for (int threads : {1, 2}) {
        CEM first(test::everything().load(), wide(threads));
        const std::int64_t tiles = plan(first, mbrl::kNoDeadline).tiles;
        EXPECT(tiles > 6, tiles);
        float best = -INFINITY;
        for (std::int64_t count = 0; count <= tiles; ++count) {
            CEM one(test::everything().load(), wide(threads)), two(test::everything().load(), wide(threads));
            const Plan a = plan(one, mbrl::kNoDeadline, count), b = plan(two, mbrl::kNoDeadline, count);
            EXPECT(a.tiles == count && a.actions == b.actions && a.status == b.status, count, " tiles");
            EXPECT(within_bounds(a));
            EXPECT(a.status == (count == 0      ? PlanStatus::safe
                                : count < tiles ? PlanStatus::deadline
                                                : PlanStatus::ok),
                   count, " tiles");
            if (count == 0) continue;
            EXPECT(a.value >= best, count, " tiles: ", a.value, " after ", best);
            best = a.value;
        }
    }
}

TEST(a_plan_that_the_clock_cut_off_is_repeated_by_its_tiles) {
    for (int threads : {1, 2}) {
        CEM cut(test::everything().load(), wide(threads)), again(test::everything().load(), wide(threads));
        for (int i = 0; i < 60; ++i) {
            const Plan a = plan(cut, mbrl::now_ns() + 3000 * i);
            const auto memory = again.memory(0);
            const Plan b = plan(again, mbrl::kNoDeadline, a.tiles);
            EXPECT(a.actions == b.actions && a.status == b.status && a.tiles == b.tiles, "plan ", i, " of ", a.tiles, " tiles");
            EXPECT(a.value == b.value || (std::isnan(a.value) && std::isnan(b.value)), a.value, " and ", b.value);
            EXPECT(within_bounds(a));
            EXPECT(again.decision().before == memory);
        }
        EXPECT(cut.memory(0) == again.memory(0));
    }
}

TEST(a_trace_holds_every_iteration_and_changes_nothing) {
    CEM traced(test::everything().load(), wide(1)), plain(test::everything().load(), wide(1));
    mbrl::Trace trace;
    const Plan a = plan(traced, mbrl::kNoDeadline, INT64_MAX, &trace), b = plan(plain, mbrl::kNoDeadline);
    EXPECT(a.actions == b.actions && a.value == b.value);
    EXPECT(trace.size() == 3);
    float best = -INFINITY;
    for (const auto& iteration : trace) {
        EXPECT(iteration.candidates == 300 && iteration.returns.size() == 300 && iteration.actions.size() == 300 * 4);
        EXPECT(iteration.elites.size() == 9 && iteration.mean.size() == 4 && iteration.std.size() == 4);
        best = std::max(best, iteration.returns[iteration.elites[0]]);
    }
    EXPECT(best == a.value, best, " and ", a.value);
}

}  // namespace

TEST_MAIN
