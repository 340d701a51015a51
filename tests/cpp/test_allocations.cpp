// After construction, planning never touches the heap: every way into the C library's allocator is counted.
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdlib>

#include "knot_settings.hpp"
#include "all_planners.hpp"
#include "golden_problems.hpp"
#include "planner_call.hpp"
#include "planning.hpp"
#include "problem/gradients.hpp"
#include "problem/quadratic.hpp"
#include "sanitized.hpp"
#include "test.hpp"

#if defined(__GLIBC__) && !MBRL_SANITIZED

static std::atomic<long> heap_calls{0};

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);

void* malloc(std::size_t size) {
    ++heap_calls;
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
    ++heap_calls;
    return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
    ++heap_calls;
    return __libc_realloc(memory, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
    ++heap_calls;
    return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
    ++heap_calls;
    return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
    ++heap_calls;
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}
void free(void* memory) {
    if (memory) ++heap_calls;
    __libc_free(memory);
}
}

namespace {

TEST(every_way_to_the_heap_is_counted) {
    static void* volatile memory;
    const auto expect = [](const char* name, auto call) {
        const long before = heap_calls;
        memory = call();
        std::free(memory);
        EXPECT(heap_calls == before + 2, name, ": ", heap_calls - before);
    };
    expect("malloc", [] { return std::malloc(10); });
    expect("calloc", [] { return std::calloc(2, 10); });
    expect("realloc", [] { return std::realloc(nullptr, 10); });
    expect("aligned_alloc", [] { return std::aligned_alloc(64, 128); });
    expect("posix_memalign", [] { return posix_memalign(const_cast<void**>(&memory), 64, 128) == 0 ? memory : nullptr; });
    expect("new", [] { return ::operator new(10); });
    expect("aligned new", [] { return ::operator new(10, std::align_val_t{64}); });
}

/// Calls into the heap during `plans` plans.
long count(const mbrl::CEMSettings& settings, int plans) {
    mbrl::CEM planner(test::everything().load(), settings);
    const std::vector<float> goal = {0.3f, -0.2f}, wind(static_cast<std::size_t>(settings.horizon * settings.steps_per_knot), 0.1f);
    const mbrl::InputValues inputs = {goal.data(), wind.data()};
    const float previous = 0;
    const long before = heap_calls;
    for (int i = 0; i < plans; ++i) {
        const float state[] = {0.01f * static_cast<float>(i % 50), 0.4f};
        test::plan_once(planner, state, &previous, inputs, i % 3);
    }
    return heap_calls - before;
}

TEST(a_million_tiny_plans_allocate_nothing) {
    mbrl::CEMSettings settings;
    settings.population = 16;
    settings.elites = 4;
    settings.iterations = 1;
    settings.horizon = 5;
    settings.steps_per_knot = 1;
    settings.warm_start = true;
    EXPECT(count(settings, 1000000) == 0);
}

TEST(plans_with_every_feature_and_with_threads_allocate_nothing) {
    for (const bool rich : {false, true}) {
        for (int threads : {1, 2, 4}) {
            mbrl::CEMSettings settings = rich ? test::rich_settings() : mbrl::CEMSettings{};
            settings.threads = threads;
            const long calls = count(settings, threads == 1 ? 2000 : 300);
            EXPECT(calls == 0, calls, " calls with ", threads, " threads");
        }
    }
}

TEST(variants_of_cem_and_objectives_allocate_nothing) {
    for (int which = 0; which < 3; ++which) {
        for (int threads : {1, 3}) {
            mbrl::CEMSettings settings = test::rich_settings();
            settings.truncate = settings.full_covariance = which == 0;
            if (which == 1) settings.choices = {5};
            settings.objective = which == 2 ? mbrl::Objective::mean_std : mbrl::Objective::cvar;
            settings.risk = 0.7;
            settings.threads = threads;
            const long calls = count(settings, 300);
            EXPECT(calls == 0, calls, " calls, variant ", which, ", ", threads, " threads");
        }
    }
}

TEST(no_kind_of_planner_allocates) {
    const std::vector<float> goal = {0.3f, -0.2f}, wind(8, 0.1f);
    const mbrl::InputValues inputs = {goal.data(), wind.data()};
    for (const test::Kind& kind : test::all_planners()) {
        for (const bool rich : {false, true}) {
            for (int threads : {1, 2}) {
                const auto planner = kind.make(test::everything().load(), rich, threads);
                const float previous = 0, nowhere[] = {NAN, 0.4f};
                const long before = heap_calls;
                for (int i = 0; i < 200; ++i) {
                    const float state[] = {0.01f * static_cast<float>(i % 50), 0.4f};
                    test::plan_once(*planner, i % 9 == 8 ? nowhere : state, &previous, inputs, i % 3);
                }
                EXPECT(heap_calls == before, kind.name, ": ", heap_calls - before);
            }
        }
    }
}

TEST(particles_allocate_nothing) {
    const mbrl::InputValues none;
    for (const test::Kind& kind : test::all_planners()) {
        const auto planner = kind.make(test::gaussians().load(), true, 2);
        const float state[] = {0.1f, 0.4f, -0.2f}, previous[] = {0, 0};
        const long before = heap_calls;
        for (int i = 0; i < 50; ++i) test::plan_once(*planner, state, previous, none, 1);
        EXPECT(heap_calls == before, kind.name, ": ", heap_calls - before);
    }
    mbrl::CEMSettings settings = test::rich_settings();
    settings.particles = 6;
    settings.propagation = mbrl::Propagation::ts1;
    mbrl::CEM dealt(test::gaussians().load(), settings);
    const float state[] = {0.1f, 0.4f, -0.2f}, previous[] = {0, 0};
    const long before = heap_calls;
    for (int i = 0; i < 50; ++i) test::plan_once(dealt, state, previous, none, 1);
    EXPECT(heap_calls == before, "dealt: ", heap_calls - before);
}

TEST(delays_limits_deadlines_and_new_weights_allocate_nothing) {
    mbrl::CEMSettings settings = test::rich_settings();
    settings.max_rate = {0.5};
    const auto problem = test::everything().load();
    mbrl::CEM planner(problem, settings);
    const std::vector<float> goal = {0.3f, -0.2f}, wind(8, 0.1f), committed(mbrl::kMostDelay, 0.1f);
    const mbrl::InputValues inputs = {goal.data(), wind.data()};
    const float state[] = {0.1f, 0.4f}, previous = 0;
    for (int i = 0; i < 60; ++i) {
        problem->assign_weights(*test::everything().load());
        const long before = heap_calls;
        planner.plan({.state = state,
                      .previous_action = i % 2 ? &previous : nullptr,
                      .inputs = inputs,
                      .deadline = i % 3 ? mbrl::now_ns() + 20000 * i : mbrl::kNoDeadline,
                      .max_tiles = i % 7,
                      .delay = i % 5 * 0.7,
                      .committed = i % 4 ? nullptr : committed.data()});
        EXPECT(heap_calls == before, "plan ", i, ": ", heap_calls - before);
    }
}

TEST(expanded_knots_costs_proposals_and_bounds_allocate_nothing) {
    auto all = test::knot_settings();
    all.push_back(test::rich_settings());
    for (mbrl::CEMSettings settings : all) {
        settings.policy_candidates = true;
        settings.action_rate_penalty = 0.1;
        for (const int threads : {1, 2}) {
            settings.threads = threads;
            const auto problem = test::guided().load();
            mbrl::CEM planner(problem, settings);
            planner.reserve_candidates(4);
            const std::vector<float> goal = {0.3f, -0.2f}, wind(8, 0.1f);
            const std::vector<float> candidates(static_cast<std::size_t>(planner.horizon()) * 4, 0.2f);
            const mbrl::InputValues inputs = {goal.data(), wind.data()};
            const float state[] = {0.1f, 0.4f}, previous = 0, low = -0.5f, high = 0.25f;
            for (int i = 0; i < 40; ++i) {
                if (i % 10 == 5) problem->assign_weights(*test::guided().load());
                const long before = heap_calls;
                planner.plan({.state = state,
                              .previous_action = i % 2 ? &previous : nullptr,
                              .inputs = inputs,
                              .elapsed = i % 3 * 0.7,
                              .deadline = i % 4 == 3 ? mbrl::now_ns() + 5000 * i : mbrl::kNoDeadline,
                              .delay = i % 5 * 0.7,
                              .candidates = candidates.data(),
                              .candidate_count = i % 5,
                              .action_low = i % 3 ? &low : nullptr,
                              .action_high = i % 4 ? &high : nullptr,
                              .temperature = 0.5});
                EXPECT(heap_calls == before, "plan ", i, ": ", heap_calls - before);
            }
        }
    }
}

TEST(plans_from_hostile_states_allocate_nothing) {
    mbrl::CEM planner(test::everything().load(), test::rich_settings());
    const std::vector<float> goal = {0.3f, -0.2f}, wind(8, 0.1f);
    const mbrl::InputValues inputs = {goal.data(), wind.data()};
    const float state[] = {NAN, 0.4f}, previous = 0;
    const long before = heap_calls;
    for (int i = 0; i < 100; ++i) test::plan_once(planner, state, &previous, inputs);
    EXPECT(heap_calls == before, heap_calls - before);
}

TEST(gradients_and_quadratic_models_do_not_touch_the_heap) {
    const auto problem = test::everything().load();
    const auto pool = std::make_shared<mbrl::ThreadPool>(2);
    mbrl::RolloutGradient rollouts(problem, {40, 3, 1, 0.9}, pool);
    mbrl::QuadraticModel model(problem, 3, pool);
    const int padded = rollouts.padded_population();
    mbrl::AlignedFloats actions(static_cast<std::size_t>(3) * padded), gradients(actions.size()), returns(padded);
    const std::vector<float> states(8, 0.2f), goal = {0.3f, -0.2f}, wind = {0.1f, 0.2f, 0.3f};
    const mbrl::InputValues inputs = {goal.data(), wind.data()};
    const auto newer = test::everything().load();
    problem->assign_weights(*newer);
    const long before = heap_calls;
    for (int i = 0; i < 3; ++i) {
        rollouts.start(states.data(), nullptr, inputs);
        rollouts.run({actions.data(), padded}, 40, returns.data(), {gradients.data(), padded});
        model.start(nullptr, inputs);
        model.run(states.data(), actions.data(), 3);
    }
    EXPECT(heap_calls == before && rollouts.weights_version() == 1, heap_calls - before);
}

}  // namespace

TEST_MAIN

#else

int main() {
    std::puts("skipped: the heap can be watched with glibc and without a sanitizer only");
    return 77;
}

#endif
