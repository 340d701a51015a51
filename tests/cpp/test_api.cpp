// The C API from C++: every function refuses what is wrong with one sentence, and never throws.
#include "api/mbrl_fast.h"

#include <cmath>
#include <cstring>
#include <string>
#include <thread>

#include "problem_file.hpp"
#include "test.hpp"

namespace {

struct Handles {
    explicit Handles(const std::string& bytes, std::vector<mbrl_setting> settings = {})
        : problem(mbrl_problem_load(bytes.data(), bytes.size())),
          planner(mbrl_cem_create(problem, settings.data(), settings.size())) {}
    ~Handles() {
        mbrl_problem_free(problem);
        mbrl_planner_free(planner);
    }
    mbrl_problem* problem;
    mbrl_planner* planner;
};

bool says(const char* part) { return std::strstr(mbrl_error(), part) != nullptr; }

TEST(sizes_and_inputs) {
    const Handles h(test::everything().bytes());
    EXPECT(mbrl_problem_state_size(h.problem) == 2 && mbrl_problem_action_size(h.problem) == 1 &&
           mbrl_problem_dt(h.problem) == 0.5);
    float low = 0, high = 0;
    EXPECT(mbrl_problem_bounds(h.problem, &low, &high) == MBRL_OK && low == -1 && high == 1);
    EXPECT(mbrl_problem_inputs(h.problem) == 2 && std::string(mbrl_problem_input_name(h.problem, 0)) == "goal");
    EXPECT(mbrl_problem_input_size(h.problem, 0) == 2 && !mbrl_problem_input_per_step(h.problem, 0));
    EXPECT(mbrl_problem_input_per_step(h.problem, 1) == 1 && mbrl_problem_input_index(h.problem, "wind") == 1);
    EXPECT(mbrl_problem_input_index(h.problem, "w") == -1 && mbrl_problem_input_name(h.problem, 2) == nullptr);
    EXPECT(mbrl_problem_input_size(h.problem, -1) == 0);
}

TEST(inputs_by_name_and_in_order_give_the_same_bits) {
    const std::vector<mbrl_setting> settings = {{"horizon", 4}, {"steps_per_knot", 2}, {"seed", 5}};
    const Handles a(test::everything().bytes(), settings), b(test::everything().bytes(), settings);
    const float state[] = {0.1f, 0.2f}, goal[] = {0.3f, -0.2f}, wind[8] = {};
    const float* inputs[] = {goal, wind};
    EXPECT(mbrl_planner_set_input(a.planner, "goal", goal, 2) == MBRL_OK);
    mbrl_request request = MBRL_REQUEST;
    request.state = state;
    mbrl_plan one = MBRL_PLAN, two = MBRL_PLAN;
    EXPECT(mbrl_planner_plan(a.planner, &request, &one) == MBRL_INVALID && says("input 'wind' is missing, it has 8 numbers"));
    EXPECT(one.actions == nullptr, "outputs stay");
    EXPECT(mbrl_planner_set_input(a.planner, "wind", wind, 8) == MBRL_OK);
    for (int i = 0; i < 3; ++i) {
        request.inputs = nullptr;
        EXPECT(mbrl_planner_plan(a.planner, &request, &one) == MBRL_OK, mbrl_error());
        request.inputs = inputs;
        EXPECT(mbrl_planner_plan(b.planner, &request, &two) == MBRL_OK, mbrl_error());
        EXPECT(one.horizon == 4 && one.knot_seconds == 1.0 && one.status == MBRL_PLAN_OK && one.model_steps > 0);
        EXPECT(std::memcmp(one.actions, two.actions, 4 * sizeof(float)) == 0 && one.value == two.value);
        EXPECT(one.states[0] == state[0] && std::isfinite(one.states[8 * 2 + 1]));
    }
    const float first = one.actions[0];
    EXPECT(mbrl_planner_reset(a.planner) == MBRL_OK && mbrl_planner_plan(a.planner, &request, &one) == MBRL_OK);
    EXPECT(one.actions[0] != first, "the first plan again");
}

TEST(bad_requests_are_one_sentence) {
    const Handles h(test::line().bytes());
    const float state = 0, goal = 0.5f, bad = NAN;
    mbrl_request request = MBRL_REQUEST;
    mbrl_plan plan = MBRL_PLAN;
    const auto refused = [&](const char* part) {
        return mbrl_planner_plan(h.planner, &request, &plan) == MBRL_INVALID && says(part);
    };
    EXPECT(mbrl_planner_set_input(h.planner, "gaol", &goal, 1) == MBRL_INVALID && says("unknown input 'gaol'"), mbrl_error());
    EXPECT(mbrl_planner_set_input(h.planner, "goal", &goal, 2) == MBRL_INVALID && says("must have 1 numbers, got 2"), mbrl_error());
    EXPECT(mbrl_planner_set_input(h.planner, "goal", &bad, 1) == MBRL_INVALID && says("goal must be finite"), mbrl_error());
    EXPECT(mbrl_planner_set_input(h.planner, "goal", &goal, 1) == MBRL_OK);
    EXPECT(refused("state must not be NULL"), mbrl_error());
    request.state = &bad;
    EXPECT(refused("state must be finite, got nan at index 0"), mbrl_error());
    request.state = &state;
    request.previous_action = &bad;
    EXPECT(refused("previous_action must be finite"), mbrl_error());
    request.previous_action = nullptr;
    for (const double elapsed : {-1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
        request.elapsed = elapsed;
        EXPECT(refused("elapsed must be >= 0 and finite"), mbrl_error());
    }
    request.elapsed = 1;
    request.size = 0;
    EXPECT(refused("must begin with MBRL_REQUEST"), mbrl_error());
    EXPECT(mbrl_planner_plan(h.planner, nullptr, &plan) == MBRL_INVALID && says("request must not be NULL"));
    EXPECT(mbrl_planner_plan(nullptr, &request, &plan) == MBRL_INVALID && says("planner must not be NULL"));
    request.size = sizeof request;
    EXPECT(mbrl_planner_plan(h.planner, &request, &plan) == MBRL_OK, mbrl_error());
}

TEST(a_deadline_is_kept_and_its_tiles_repeat_the_plan) {
    const std::vector<mbrl_setting> settings = {{"horizon", 8}, {"steps_per_knot", 1}, {"population", 500}};
    const Handles h(test::line().bytes(), settings), again(test::line().bytes(), settings);
    const float state = 0, goal = 0.7f;
    const float* inputs[] = {&goal};
    mbrl_request request = MBRL_REQUEST;
    request.state = &state;
    request.inputs = inputs;
    mbrl_plan plan = MBRL_PLAN;
    request.deadline = 0;
    EXPECT(mbrl_planner_plan(h.planner, &request, &plan) == MBRL_OK && plan.status == MBRL_PLAN_SAFE, plan.status);
    EXPECT(plan.actions[0] == 0 && plan.states == nullptr && std::isnan(plan.value) && plan.tiles == 0, plan.actions[0]);
    mbrl_planner_reset(h.planner);
    request.deadline = mbrl_now() + 60'000'000'000;
    EXPECT(mbrl_planner_plan(h.planner, &request, &plan) == MBRL_OK && plan.status == MBRL_PLAN_OK && plan.states, plan.status);
    const float first = plan.actions[0], second = plan.actions[1];
    request.deadline = mbrl_now();
    EXPECT(mbrl_planner_plan(h.planner, &request, &plan) == MBRL_OK && plan.status == MBRL_PLAN_SHIFTED, plan.status);
    EXPECT(plan.actions[0] == second && first != second, "moved by one knot");
    request.deadline = MBRL_NO_DEADLINE;
    request.max_tiles = 3;
    mbrl_planner_reset(h.planner);
    mbrl_plan same = MBRL_PLAN;
    EXPECT(mbrl_planner_plan(h.planner, &request, &plan) == MBRL_OK && plan.status == MBRL_PLAN_DEADLINE && plan.tiles == 3);
    EXPECT(mbrl_planner_plan(again.planner, &request, &same) == MBRL_OK && same.actions[0] == plan.actions[0]);
    request.max_tiles = -1;
    EXPECT(mbrl_planner_plan(h.planner, &request, &plan) == MBRL_INVALID && says("max_tiles must be >= 0, got -1"), mbrl_error());
}

TEST(bad_settings_are_one_sentence) {
    const std::string bytes = test::line().bytes();
    const auto refused = [&](const char* name, double value, const char* part) {
        const Handles h(bytes, {{name, value}});
        return h.planner == nullptr && says(part);
    };
    EXPECT(refused("poplation", 1, "unknown setting 'poplation'"), mbrl_error());
    EXPECT(refused("population", 1.5, "population must be a whole number in 0..2147483647, got 1.5"), mbrl_error());
    EXPECT(refused("population", NAN, "population must be a whole number"), mbrl_error());
    EXPECT(refused("population", 1e300, "population must be a whole number"), mbrl_error());
    EXPECT(refused("warm_start", 2, "warm_start must be a whole number in 0..1, got 2"), mbrl_error());
    EXPECT(refused("objective", 7, "objective must be a whole number in 0..6, got 7"), mbrl_error());
    EXPECT(refused("objective", 3, "risk must be in (0, 1] for objective cvar, got 0"), mbrl_error());
    EXPECT(refused("propagation", 2, "propagation must be a whole number in 0..1, got 2"), mbrl_error());
    EXPECT(refused("particles", 3, "particles of a model without a standard deviation do not differ"), mbrl_error());
    EXPECT(refused("seed", -1, "seed must be a whole number"), mbrl_error());
    EXPECT(refused("momentum", 1, "momentum must be in [0, 1), got 1"), mbrl_error());
    EXPECT(refused(nullptr, 1, "the name of a setting must not be NULL"), mbrl_error());
    for (const char* name : {"horizon", "steps_per_knot", "population", "elites", "iterations", "threads"})
        EXPECT(refused(name, 0, "must be"), name, ": ", mbrl_error());
    EXPECT(mbrl_cem_create(nullptr, nullptr, 0) == nullptr && says("problem must not be NULL"));
}

TEST(bad_files_are_one_sentence) {
    EXPECT(mbrl_problem_open("no/such/file") == nullptr && says("cannot open the Problem file no/such/file"), mbrl_error());
    EXPECT(mbrl_problem_open("/") == nullptr && says("cannot "), mbrl_error());
    EXPECT(mbrl_problem_open(nullptr) == nullptr && says("path must not be NULL"), mbrl_error());
    EXPECT(mbrl_problem_load(nullptr, 1) == nullptr && says("bytes must not be NULL"), mbrl_error());
    const std::string bytes = test::line().bytes();
    for (std::size_t size = 0; size < bytes.size(); size += 7) EXPECT(mbrl_problem_load(bytes.data(), size) == nullptr, size);
}

TEST(null_handles_do_no_harm) {
    mbrl_problem_free(nullptr);
    mbrl_planner_free(nullptr);
    EXPECT(mbrl_problem_state_size(nullptr) == 0 && mbrl_problem_action_size(nullptr) == 0 && mbrl_problem_dt(nullptr) == 0);
    EXPECT(mbrl_problem_inputs(nullptr) == 0 && mbrl_problem_input_index(nullptr, "x") == -1);
    EXPECT(mbrl_problem_bounds(nullptr, nullptr, nullptr) == MBRL_INVALID && mbrl_planner_reset(nullptr) == MBRL_INVALID);
    EXPECT(std::strlen(mbrl_version()) > 0 && std::strlen(mbrl_isa()) > 0 && mbrl_now() > 0);
}

TEST(the_sentence_belongs_to_the_thread) {
    EXPECT(mbrl_problem_open("missing") == nullptr);
    std::thread([] {
        EXPECT(std::string(mbrl_error()).empty());
        EXPECT(mbrl_planner_reset(nullptr) == MBRL_INVALID);
    }).join();
    EXPECT(says("missing"), mbrl_error());
}

TEST(a_planner_is_for_one_thread_at_a_time) {
    const Handles h(test::line().bytes(), {{"population", 2000}, {"horizon", 50}});
    const float state = 0, goal = 0.5f;
    mbrl_planner_set_input(h.planner, "goal", &goal, 1);
    const auto work = [&](int& ok, int& busy) {
        mbrl_request request = MBRL_REQUEST;
        request.state = &state;
        mbrl_plan plan = MBRL_PLAN;
        for (int i = 0; i < 20; ++i) {
            const mbrl_result result = mbrl_planner_plan(h.planner, &request, &plan);
            ok += result == MBRL_OK;
            busy += result == MBRL_BUSY;
        }
    };
    int ok[2] = {}, busy[2] = {};
    std::thread other([&] { work(ok[1], busy[1]); });
    work(ok[0], busy[0]);
    other.join();
    EXPECT(ok[0] + busy[0] == 20 && ok[1] + busy[1] == 20 && ok[0] + ok[1] >= 1);
}

}  // namespace

TEST_MAIN
