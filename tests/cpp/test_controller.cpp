// The controller: watchdog, hand-over, delay, counters; with times that the test makes up.
#include "controller/controller.hpp"

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>
#include <thread>

#include "problem_file.hpp"
#include "test.hpp"

using namespace mbrl;

static std::atomic<long> allocations{0};

// Not inlined: GCC takes the malloc and free inside for a mismatched pair otherwise.
[[gnu::noinline]] static void* counted(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] static void release(void* memory) { std::free(memory); }

void* operator new(std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// The problem `line()` has dt = 0.5 s: knots of one step, 4 s ahead.
ControllerSettings line_settings() {
    ControllerSettings s;
    s.planner.horizon = 8;
    s.planner.steps_per_knot = 1;
    s.planner.population = 512;
    s.planner.elites = 16;
    s.planner.seed = 3;
    s.budget = 60;  // these tests do not depend on the machine's speed
    s.stale_after = 0.6;
    s.safe_after = 1.2;
    s.safe_action = {0.25f};
    return s;
}

struct Line : Controller {
    explicit Line(const ControllerSettings& s = line_settings(), float goal = 0.7f) : Controller(test::line().load(), s) {
        set_input("goal", &goal, 1);
    }
    bool measure_at(std::int64_t time, float state = 0) { return measure(&state, time); }
    ControlStatus ask(std::int64_t time) { return action_at(time, &action); }
    float action = kNaN;
};

bool near(float a, float b, float tolerance = 1e-6f) { return std::fabs(a - b) <= tolerance; }

/// What a planner without a controller answers.
float first_action(CEM& planner, float state, float previous, float goal) {
    const InputValues inputs = {&goal};
    return planner.plan({.state = &state, .previous_action = &previous, .inputs = inputs}).actions[0];
}

TEST(before_the_first_plan_the_action_is_safe) {
    Line line;
    EXPECT(line.ask(1000 * kMs) == ControlStatus::safe && line.action == 0.25f, line.action);
    EXPECT(!line.replan(1000 * kMs), "there is nothing to plan from");
    EXPECT(line.counts().fallbacks == 1 && line.counts().plans == 0 && line.counts().stale_states == 1);
    ControllerSettings middle = line_settings();
    middle.safe_action.clear();
    Line without(middle);
    EXPECT(without.ask(0) == ControlStatus::safe && without.action == 0, without.action);
}

TEST(a_plan_is_followed_knot_by_knot) {
    Line line;
    EXPECT(line.measure_at(1000 * kMs) && line.replan(1010 * kMs));
    EXPECT(!line.replan(1020 * kMs), "the same measurement is planned from once");
    EXPECT(line.ask(1010 * kMs) == ControlStatus::ok);
    const float first = line.action;
    EXPECT(first > 0.4f, "towards the goal at 0.7: ", first);
    EXPECT(line.ask(1499 * kMs) == ControlStatus::ok && line.action == first);
    EXPECT(line.ask(1500 * kMs) == ControlStatus::ok && line.action != first, "the second knot");
    // The same planner without a controller answers the same bits.
    CEM planner(test::line().load(), line_settings().planner);
    const float state = 0, goal = 0.7f, previous = 0.25f;
    EXPECT(first_action(planner, state, previous, goal) == first);
}

TEST(the_watchdog_holds_the_plan_then_is_safe) {
    Line line;
    line.measure_at(1000 * kMs);
    line.replan(1000 * kMs);
    EXPECT(line.ask(1600 * kMs) == ControlStatus::ok);
    const float planned = line.action;
    EXPECT(line.ask(1601 * kMs) == ControlStatus::stale && line.action == planned, "held");
    EXPECT(line.ask(2200 * kMs) == ControlStatus::stale);
    EXPECT(line.ask(2201 * kMs) == ControlStatus::safe && line.action == 0.25f, line.action);
    const Counts counts = line.counts();
    EXPECT(counts.actions == 4 && counts.stale_actions == 2 && counts.fallbacks == 1);
    // It comes back with the next state.
    line.measure_at(2300 * kMs);
    EXPECT(line.replan(2300 * kMs) && line.ask(2300 * kMs) == ControlStatus::ok);
}

TEST(a_stale_state_is_not_planned_from) {
    Line line;
    line.measure_at(1000 * kMs);
    EXPECT(!line.replan(1601 * kMs));
    EXPECT(line.counts().stale_states == 1 && line.counts().plans == 0);
    EXPECT(line.ask(1601 * kMs) == ControlStatus::safe);
}

TEST(times_of_another_clock_are_old_in_both_directions) {
    for (const std::int64_t time : {std::int64_t{1'700'000'000'000} * kMs, std::numeric_limits<std::int64_t>::max(),
                                    std::numeric_limits<std::int64_t>::min()}) {
        Line line;
        EXPECT(line.measure_at(time));
        EXPECT(!line.replan(1000 * kMs));
        line.measure_at(1000 * kMs);
        EXPECT(line.replan(1000 * kMs));
        EXPECT(line.ask(time) == ControlStatus::safe);
    }
}

TEST(a_plan_is_not_followed_past_its_end) {
    ControllerSettings s = line_settings();
    s.stale_after = s.safe_after = 100;
    Line line(s);
    line.measure_at(1000 * kMs);
    line.replan(1000 * kMs);
    EXPECT(line.ask(4999 * kMs) == ControlStatus::ok);
    EXPECT(line.ask(5000 * kMs) == ControlStatus::safe && line.action == 0.25f, line.action);
}

TEST(bad_measurements_and_inputs_change_nothing) {
    Line line;
    const float two[] = {0.1f, 0.2f};
    EXPECT(!line.measure_at(1000 * kMs, kNaN) && !line.measure_at(1000 * kMs, INFINITY));
    EXPECT(line.counts().refused_states == 2 && !line.replan(1000 * kMs));
    EXPECT(!line.set_input("gaol", two, 1) && !line.set_input("goal", two, 2) && !line.set_input("goal", &kNaN, 1));
    line.measure_at(1000 * kMs);
    EXPECT(line.replan(1000 * kMs) && line.ask(1000 * kMs) == ControlStatus::ok && line.action > 0.4f, "the goal is still 0.7");
    Controller unset(test::line().load(), line_settings());
    EXPECT(!unset.measure(two, 1000 * kMs), "an input was never set");
}

TEST(inputs_arrive_with_the_next_measurement) {
    Line line;
    const float back = -0.7f;
    line.measure_at(1000 * kMs);
    line.set_input("goal", &back, 1);
    line.replan(1000 * kMs);
    EXPECT(line.ask(1000 * kMs) == ControlStatus::ok && line.action > 0.4f, line.action);
    line.measure_at(1100 * kMs);
    line.replan(1100 * kMs);
    EXPECT(line.ask(1100 * kMs) == ControlStatus::ok && line.action < -0.4f, line.action);
}

TEST(nothing_finite_leaves_the_last_plan_in_force) {
    Line line;
    line.measure_at(1000 * kMs);
    line.replan(1000 * kMs);
    line.ask(1300 * kMs);
    const float planned = line.action;
    line.measure_at(1200 * kMs, 3e38f);
    const float far = -3e38f;
    line.set_input("goal", &far, 1);
    line.measure_at(1200 * kMs, 3e38f);
    EXPECT(!line.replan(1200 * kMs), "every return overflows");
    EXPECT(line.counts().failed_plans == 1 && line.ask(1300 * kMs) == ControlStatus::ok && line.action == planned);
    EXPECT(line.ask(2201 * kMs) == ControlStatus::safe, "as the state that the plan was made of is old");
}

/// A plant that feels actions one second late: with the delay known, the plan starts from where the plant will be.
TEST(the_delay_rolls_the_state_over_the_actions_under_way) {
    ControllerSettings s = line_settings();
    s.delay = 1;  // two model steps of 0.5 s
    Line delayed(s, 0.9f);
    // Commanded in the last second, not yet felt: the safe action 0.25, twice.
    for (std::int64_t t = 0; t <= 1000; t += 10) delayed.ask(t * kMs);
    delayed.measure_at(1000 * kMs, 0.1f);
    EXPECT(delayed.replan(1000 * kMs) && delayed.ask(1000 * kMs) == ControlStatus::ok);
    // x' = x + u: it will be at 0.6, so 0.3 remain; not knowing of the delay it would go 0.8.
    EXPECT(near(delayed.action, 0.3f, 0.1f), delayed.action);
    Line unaware(line_settings(), 0.9f);
    unaware.measure_at(1000 * kMs, 0.1f);
    unaware.replan(1000 * kMs);
    unaware.ask(1000 * kMs);
    EXPECT(near(unaware.action, 0.8f, 0.1f), unaware.action);
    // The bits of a planner that is told the predicted state.
    CEM planner(test::line().load(), s.planner);
    const float state = 0.1f + 0.25f + 0.25f, goal = 0.9f, previous = 0.25f;
    EXPECT(first_action(planner, state, previous, goal) == delayed.action);
}

TEST(without_time_to_plan_the_watchdog_takes_over) {
    ControllerSettings s = line_settings();
    s.budget = 0;
    Line line(s);
    line.measure_at(1000 * kMs);
    EXPECT(!line.replan(1000 * kMs) && line.ask(1000 * kMs) == ControlStatus::safe && line.action == 0.25f, line.action);
    const Counts counts = line.counts();
    EXPECT(counts.plans == 1 && counts.missed_deadlines == 1 && counts.failed_plans == 1 && counts.fallbacks == 1);
}

TEST(the_command_log_answers_what_was_in_force) {
    CommandLog log(1, 64 * kMs);
    EXPECT(log.at(0) == nullptr);
    for (int i = 0; i < 1000; ++i) {
        const float action = static_cast<float>(i);
        log.add(i * kMs, &action);
    }
    for (int back = 0; back <= 64; ++back) {
        const float found = *log.at((999 - back) * kMs);
        EXPECT(std::fabs(found - static_cast<float>(999 - back)) <= 2, back, " ms ago: ", found);
    }
    EXPECT(*log.at(-5) > 0 && *log.at(2000 * kMs) == 999, "the oldest known, and the last");
}

TEST(a_cycle_allocates_nothing) {
    ControllerSettings s = line_settings();
    s.delay = 1;
    Line line(s);
    const float goal = 0.4f;
    const long before = allocations;
    for (int i = 0; i < 10; ++i) {
        const std::int64_t time = (1000 + 100 * i) * kMs;
        line.set_input("goal", &goal, 1);
        line.measure_at(time, 0.1f);
        EXPECT(line.replan(time) && line.ask(time) == ControlStatus::ok);
    }
    EXPECT(allocations == before, allocations - before, " allocations");
}

TEST(settings_are_checked) {
    const auto refused = [](auto change) {
        ControllerSettings s = line_settings();
        change(s);
        return test::error_of([&] { Line line(s); });
    };
    const auto says = [](const std::string& sentence, const char* part) { return sentence.find(part) != std::string::npos; };
    std::string e = refused([](auto& s) { s.budget = -1; });
    EXPECT(says(e, "budget must be in 0..1e6 seconds, got -1"), e);
    EXPECT(says(e = refused([](auto& s) { s.delay = 4.1; }), "delay must be <= the horizon of 4 seconds, got 4.1"), e);
    EXPECT(says(e = refused([](auto& s) { s.safe_after = 0.1; }), "safe_after must be in 0.6.."), e);
    EXPECT(says(e = refused([](auto& s) { s.stale_after = NAN; }), "stale_after must be in"), e);
    EXPECT(says(e = refused([](auto& s) { s.safe_action = {2}; }), "within the bounds, got safe_action[0]=2"), e);
    EXPECT(says(e = refused([](auto& s) { s.safe_action = {0, 0}; }), "safe_action must have 1 values, got 2"), e);
    EXPECT(says(e = refused([](auto& s) { s.planner.elites = 1000; }), "population must be >= elites"), e);
    Line line;
    EXPECT_ERROR(line.start(0), "period must be in");
}

TEST(the_handover_gives_whole_and_newest_values) {
    struct Pair {
        long long a = 0, b = 0;
    };
    Handover<Pair> box({});
    constexpr long long kLast = 200'000;
    std::thread writer([&] {
        for (long long i = 1; i <= kLast; ++i) {
            box.draft() = {i, -i};
            box.publish();
        }
    });
    long long seen = 0;
    while (seen < kLast) {
        if (!box.receive()) continue;
        const Pair pair = box.latest();
        EXPECT(pair.b == -pair.a && pair.a > seen, pair.a, " ", pair.b, " after ", seen);
        seen = pair.a;
    }
    writer.join();
    EXPECT(!box.receive(), "nothing new");
}

/// Three threads at once for a moment: what ThreadSanitizer looks at.
TEST(a_loop_runs_beside_its_planning_thread) {
    ControllerSettings s = line_settings();
    s.delay = 0.5;
    Line line(s);
    line.start(0.002);
    std::atomic<bool> done{false};
    std::thread sensor([&] {
        for (float x = 0; !done; x = std::fmod(x + 0.01f, 1.0f)) {
            line.measure_at(Controller::now(), x);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    });
    int good = 0;
    for (int i = 0; i < 300; ++i) {
        good += line.ask(Controller::now()) == ControlStatus::ok;
        EXPECT(line.action >= -1 && line.action <= 1, line.action);
        (void)line.counts();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    done = true;
    sensor.join();
    line.stop();
    const Counts counts = line.counts();
    EXPECT(good > 0 && counts.plans > 1 && counts.actions == 300, good, " of 300, ", counts.plans, " plans");
    EXPECT(counts.action_rate > 1 && counts.plan_rate > 0 && counts.longest_plan > 0 && counts.missed_deadlines == 0);
    line.start(1000);  // a long period does not delay the end
    line.stop();
    line.stop();
}

}  // namespace

TEST_MAIN
