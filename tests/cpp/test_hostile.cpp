// NaN, infinities, denormal and enormous numbers in every place: a plan always answers with finite actions within the bounds, and
// the next good call is what a planner that never saw the bad one would have answered.
#include <cmath>
#include <limits>

#include "all_planners.hpp"
#include "golden_problems.hpp"
#include "planner_call.hpp"
#include "planning.hpp"
#include "test.hpp"

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const float hostile[] = {NAN, kInfinity, -kInfinity, 1e-40f, -1e-40f, 1e38f, -1e38f, std::numeric_limits<float>::max()};

/// One call's numbers: state, previous action, every input.
struct Call {
    std::vector<std::vector<float>> lists;
    double elapsed = 1;

    Call(const mbrl::Problem& problem, int steps) {
        lists.push_back(test::fractions(problem.state_size, 1, 0.5f));
        lists.push_back(test::fractions(problem.action_size, 2, 0.5f));
        for (const auto& input : problem.inputs)
            lists.push_back(test::fractions(input.size() * (input.per_step ? steps : 1), 3, 0.5f));
    }
    mbrl::Plan plan(mbrl::Planner& planner) const {
        mbrl::InputValues inputs;
        for (std::size_t i = 2; i < lists.size(); ++i) inputs.push_back(lists[i].data());
        return test::plan_once(planner, lists[0].data(), lists[1].data(), inputs, elapsed);
    }
};

bool answers_well(const mbrl::Planner& planner, const mbrl::Plan& plan) {
    const mbrl::Problem& problem = planner.problem();
    bool good = !plan.actions.empty();
    for (std::size_t e = 0; e < plan.actions.size(); ++e) {
        const std::size_t a = e % static_cast<std::size_t>(problem.action_size);
        good = good && plan.actions[e] >= problem.action_low[a] && plan.actions[e] <= problem.action_high[a];  // false for NaN
    }
    return good;
}

mbrl::CEMSettings settings_of(bool rich) {
    mbrl::CEMSettings settings = rich ? test::rich_settings() : mbrl::CEMSettings{};
    settings.population = 37;
    settings.iterations = 2;
    settings.fresh_fraction = rich ? 0.2 : 0;
    return settings;
}

using Builder = test::ProblemFile (*)();
const Builder builders[] = {test::everything, test::matrices, test::networks, test::functions};

/// Calls `check(bad call, where)` for every hostile number in every place of a call.
template <class Check>
void everywhere(const Call& good, Check check) {
    for (std::size_t list = 0; list < good.lists.size(); ++list) {
        for (std::size_t i = 0; i < good.lists[list].size(); ++i) {
            for (float number : hostile) {
                Call bad = good;
                bad.lists[list][i] = number;
                check(bad, std::to_string(number) + " in list " + std::to_string(list) + " at " + std::to_string(i));
            }
        }
    }
}

TEST(every_place_of_a_call) {
    for (const Builder build : builders) {
        const auto problem = build().load();
        for (const bool rich : {false, true}) {
            mbrl::CEM planner(problem, settings_of(rich));
            const Call good(*problem, planner.horizon() * planner.steps_per_knot());
            everywhere(good, [&](const Call& bad, const std::string& where) {
                EXPECT(answers_well(planner, bad.plan(planner)), where);
                const mbrl::Plan next = good.plan(planner);
                EXPECT(answers_well(planner, next) && next.status == mbrl::PlanStatus::ok && std::isfinite(next.value), "after ",
                       where);
            });
        }
    }
}

TEST(every_place_of_a_call_of_every_kind_of_planner) {
    for (const test::Kind& kind : test::all_planners()) {
        const auto problem = test::everything().load();
        const auto planner = kind.make(problem, true, 1);
        const Call good(*problem, planner->horizon() * planner->steps_per_knot());
        everywhere(good, [&](const Call& bad, const std::string& where) {
            EXPECT(answers_well(*planner, bad.plan(*planner)), kind.name, ": ", where);
            const mbrl::Plan next = good.plan(*planner);
            EXPECT(answers_well(*planner, next) && next.status == mbrl::PlanStatus::ok && std::isfinite(next.value), kind.name,
                   ", after ", where);
        });
    }
}

TEST(nothing_of_a_bad_call_remains_but_the_counter) {
    for (const Builder build : builders) {
        const auto problem = build().load();
        mbrl::CEMSettings settings = settings_of(true);
        settings.warm_start = false;
        const Call good(*problem, settings.horizon * settings.steps_per_knot);
        mbrl::CEM innocent(problem, settings), struck(problem, settings);
        good.plan(innocent);
        good.plan(innocent);  // in place of the bad call, so that the counters agree
        const mbrl::Plan expected = good.plan(innocent);
        everywhere(good, [&](const Call& bad, const std::string& where) {
            struck.reset();
            good.plan(struck);
            bad.plan(struck);
            EXPECT(test::same({good.plan(struck)}, {expected}), where);
        });
    }
}

/// A plan that nothing finite could improve is only moved on: afterwards it is as if that time had passed.
TEST(a_warm_start_survives_a_call_without_a_finite_return) {
    const auto problem = test::everything().load();
    mbrl::CEMSettings settings = settings_of(true);
    settings.steps_per_knot = 1;
    mbrl::CEM innocent(problem, settings), struck(problem, settings);
    Call good(*problem, settings.horizon), bad = good, late = good;
    bad.lists[0][0] = NAN;
    late.elapsed = 2;
    good.plan(innocent);
    auto memory = innocent.memory(0);
    memory.plans += 1;
    innocent.set_memory(0, memory);
    const mbrl::Plan before = good.plan(struck);
    const mbrl::Plan shifted = bad.plan(struck);
    EXPECT(shifted.status != mbrl::PlanStatus::ok && answers_well(struck, shifted));
    EXPECT(test::same({good.plan(struck)}, {late.plan(innocent)}));
}

TEST(every_place_of_the_weights) {
    for (const Builder build : {test::everything, test::networks}) {
        const test::ProblemFile file = build();
        for (const auto& [name, tensor] : file.tensors) {
            if (name.rfind("step/", 0) != 0) continue;
            const std::size_t stride = std::max<std::size_t>(1, tensor.data.size() / 11);
            for (std::size_t i = 0; i < tensor.data.size(); i += stride) {
                for (float number : hostile) {
                    test::ProblemFile struck = file;
                    struck.tensors[name].data[i] = number;
                    const std::string error = test::error_of([&] {
                        mbrl::CEM planner(struck.load(), settings_of(true));
                        const Call good(planner.problem(), planner.horizon() * planner.steps_per_knot());
                        for (int repeat = 0; repeat < 2; ++repeat)
                            EXPECT(answers_well(planner, good.plan(planner)), name, "[", i, "] = ", number);
                    });
                    EXPECT(error.empty() || !std::isfinite(number), error);  // a loader may refuse what is not finite
                }
            }
        }
    }
}

TEST(every_kind_of_bounds) {
    const float most = std::numeric_limits<float>::max(), tiny = 1e-40f;
    for (const auto& [low, high] : std::vector<std::pair<float, float>>{{-most, most},
                                                                        {-1e38f, 1e38f},
                                                                        {0, most},
                                                                        {-most, -1e38f},
                                                                        {-tiny, tiny},
                                                                        {0, tiny},
                                                                        {most, most},
                                                                        {0, 0},
                                                                        {-1, 1e38f}}) {
        for (const Builder build : {test::matrices, test::networks}) {
            test::ProblemFile file = build();
            file.bounds({low, -1}, {high, 1});
            const auto problem = file.load();
            for (const bool rich : {false, true}) {
                for (double spread : {1.0, 1e-30, 1e30}) {
                    mbrl::CEMSettings settings = settings_of(rich);
                    settings.init_std = spread;
                    mbrl::CEM planner(problem, settings);
                    const Call good(*problem, settings.horizon * settings.steps_per_knot);
                    for (int repeat = 0; repeat < 3; ++repeat) {
                        const mbrl::Plan plan = good.plan(planner);
                        EXPECT(answers_well(planner, plan), "bounds ", low, " and ", high, ", spread ", spread, ": ",
                               plan.actions[0]);
                    }
                }
            }
        }
    }
    for (float number : {NAN, kInfinity, -kInfinity}) {
        for (const bool upper : {false, true}) {
            test::ProblemFile file = test::matrices();
            file.bounds({upper ? -1 : number, -1}, {upper ? number : 1, 1});
            EXPECT_ERROR(file.load(), upper ? "action_high" : "action_low");
        }
    }
}

}  // namespace

TEST_MAIN
