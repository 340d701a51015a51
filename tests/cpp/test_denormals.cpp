// Denormal numbers are flushed on every thread that plans, and the caller's floating-point mode comes back.
#include <atomic>
#include <cmath>
#include <thread>

#include "core/denormals.hpp"
#include "planner_call.hpp"
#include "planning.hpp"
#include "problem/evaluate.hpp"
#include "problem/rollout.hpp"
#include "test.hpp"

namespace {

constexpr int kThreads = 4;

/// The control word of floating-point arithmetic.
std::uint64_t mode() {
#if defined(__x86_64__)
    return _mm_getcsr() & ~0x3fu;  // without the flags of what has happened
#elif defined(__aarch64__)
    std::uint64_t value;
    asm volatile("mrs %0, fpcr" : "=r"(value));
    return value;
#else
    return 0;
#endif
}

/// x' = x + u; reward = x · 1e-20 · 1e-20 · 1e20 · 1e20: zero exactly if the denormal in the middle is flushed.
test::ProblemFile shrinking() {
    test::ProblemFile file(1, 1);
    test::ProgramText step;
    step.json["constants"] = 2;
    step.argument("state", 1).argument("action", 1).op("add", {{2}, {3}}, {4});
    step.op("mul", {{2}, {0}}, {5}).op("mul", {{5}, {0}}, {6}).op("mul", {{6}, {1}}, {7}).op("mul", {{7}, {1}}, {8});
    file.tensor("step/constants", {1, 2}, {1e-20f, 1e20f});
    return file.program("step", step.output("next_state", {4}).output("reward", {8}));
}

/// The modes of every thread of the pool: each takes one item, since none leaves before all have come.
std::vector<std::uint64_t> modes(mbrl::ThreadPool& pool) {
    std::vector<std::uint64_t> all(kThreads);
    std::atomic<int> arrived{0};
    pool.for_each(kThreads, [&](int item, int) {
        all[item] = mode();
        ++arrived;
        while (arrived < kThreads) std::this_thread::yield();
    });
    return all;
}

TEST(the_example_shows_a_denormal) {
    const volatile float x = 1, small = 1e-20f, big = 1e20f;
    const volatile float tiny = x * small * small;
    EXPECT(tiny * big * big > 0.9f, "a caller's own arithmetic keeps denormals");
    const mbrl::FlushDenormals flush;
    const volatile float flushed = x * small * small;
    EXPECT(flushed == 0);
}

TEST(a_rollout_flushes_on_every_thread_and_restores_the_mode) {
    const auto pool = std::make_shared<mbrl::ThreadPool>(kThreads);
    mbrl::Rollout rollout(shrinking().load(), {640, 2, 1, 1}, pool);
    mbrl::AlignedFloats actions(2 * 640), returns(640);
    const float state = 1, previous = 0;
    const auto before = modes(*pool);
    for (int repeat = 0; repeat < 20; ++repeat) {
        std::fill_n(returns.data(), 640, 1.0f);
        rollout.start(&state, &previous, {});
        rollout.run({actions.data(), 640}, 640, returns.data());
        for (int n = 0; n < 640; ++n) EXPECT(returns[n] == 0, "candidate ", n, ": ", returns[n]);
    }
    EXPECT(modes(*pool) == before);
}

TEST(a_plan_flushes_and_restores_the_mode) {
    for (int threads : {1, kThreads}) {
        mbrl::CEMSettings settings;
        settings.threads = threads;
        mbrl::CEM planner(shrinking().load(), settings);
        const float state = 1, previous = 0;
        const std::uint64_t before = mode();
        EXPECT(test::plan_once(planner, &state, &previous, {}).value == 0);
        EXPECT(mode() == before);
        const mbrl::FlushDenormals flush;  // a caller who flushes already still does afterwards
        const std::uint64_t flushing = mode();
        EXPECT(test::plan_once(planner, &state, &previous, {}).value == 0);
        EXPECT(mode() == flushing && (flushing != before || flushing == 0));
    }
}

TEST(a_single_step_flushes_and_restores_the_mode) {
    const auto problem = shrinking().load();
    const std::vector<float> state(100, 1.0f), action(100);
    const std::uint64_t before = mode();
    const auto outputs =
        mbrl::evaluate(problem->program("step"), 0, 100, {{"state", {state.data(), 100}}, {"action", {action.data(), 1}}});
    for (float reward : outputs.at("reward")) EXPECT(reward == 0);
    EXPECT(mode() == before);
}

}  // namespace

TEST_MAIN
