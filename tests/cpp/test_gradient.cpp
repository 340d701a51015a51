// Adjoints of Programs, gradients of rollouts and quadratic models: rules, pruning, new weights, deadlines, threads.
#include <cmath>

#include "kernels/dispatch.hpp"
#include "problem/gradients.hpp"
#include "problem/quadratic.hpp"
#include "problem_file.hpp"
#include "test.hpp"

namespace {

constexpr int kCandidates = 50, kKnots = 3, kHeld = 2, kSteps = kKnots * kHeld;

struct Run {
    std::vector<float> returns, gradients;
    mbrl::Progress progress;
};

/// Of test::everything(): state 2, action 1, a goal and a wind for every step.
Run run(const std::shared_ptr<mbrl::Problem>& problem, int threads, mbrl::Budget budget = {}, float bump = 0, int bumped = 0) {
    mbrl::RolloutGradient rollouts(problem, {kCandidates, kKnots, kHeld, 0.9}, std::make_shared<mbrl::ThreadPool>(threads));
    const int padded = rollouts.padded_population();
    mbrl::AlignedFloats actions(static_cast<std::size_t>(kKnots) * padded), gradients(static_cast<std::size_t>(kKnots) * padded),
        returns(padded);
    for (int knot = 0; knot < kKnots; ++knot)
        for (int i = 0; i < padded; ++i)
            actions[knot * padded + i] = std::sin(static_cast<float>(3 * knot + i)) + (knot == bumped ? bump : 0.0f);
    const std::vector<float> state = {0.4f, -0.3f}, goal = {0.3f, -0.2f}, wind(kSteps, 0.1f);
    rollouts.start(state.data(), nullptr, {goal.data(), wind.data()});
    Run result;
    result.progress = rollouts.run({actions.data(), padded}, kCandidates, returns.data(), {gradients.data(), padded}, budget);
    result.returns.assign(returns.data(), returns.data() + kCandidates);
    for (int knot = 0; knot < kKnots; ++knot)
        result.gradients.insert(result.gradients.end(), gradients.data() + knot * padded,
                                gradients.data() + knot * padded + kCandidates);
    return result;
}

TEST(every_operation_has_a_rule) {
    for (int op = 0; op < mbrl::kernels().op_count; ++op) {
        const char* name = mbrl::kernels().ops[op].name;
        EXPECT(mbrl::has_gradient(name), "operation ", name, " has no rule for its gradient");
    }
}

TEST(gradients_of_rollouts_are_differences_of_returns) {
    const auto problem = test::everything().load();
    const Run at = run(problem, 1);
    constexpr float h = 2e-3f;
    int compared = 0;
    for (int knot = 0; knot < kKnots; ++knot) {
        const Run more = run(problem, 1, {}, h, knot), less = run(problem, 1, {}, -h, knot);
        for (int i = 0; i < kCandidates; ++i) {
            const float up = (more.returns[i] - at.returns[i]) / h, down = (at.returns[i] - less.returns[i]) / h;
            if (std::fabs(up - down) > 0.02f) continue;  // a kink, or an end that moved
            const float slope = (up + down) / 2, gradient = at.gradients[knot * kCandidates + i];
            EXPECT(std::fabs(slope - gradient) <= 0.02f, "knot ", knot, " candidate ", i, ": ", slope, " and ", gradient);
            ++compared;
        }
    }
    EXPECT(compared > kKnots * kCandidates / 2, compared);
}

TEST(threads_change_no_bit) {
    const auto problem = test::everything().load();
    const Run one = run(problem, 1);
    for (int threads : {2, 3, 8}) {
        const Run many = run(problem, threads);
        EXPECT(many.returns == one.returns && many.gradients == one.gradients, threads, " threads");
    }
}

TEST(a_deadline_and_a_number_of_tiles_cut_gradients_off) {
    const auto problem = test::everything().load();
    mbrl::Budget past;
    past.deadline = mbrl::now_ns() - 1;
    const Run late = run(problem, 1, past);
    EXPECT(!late.progress.complete && late.progress.candidates == 0 && late.progress.model_steps == 0);
    mbrl::Budget one;
    one.max_tiles = 1;
    const Run part = run(problem, 4, one);
    const Run whole = run(problem, 4);
    EXPECT(whole.progress.complete && whole.progress.candidates == kCandidates);
    EXPECT(part.progress.tiles == 1 && part.progress.candidates < kCandidates);
    for (int i = 0; i < part.progress.candidates; ++i) EXPECT(part.returns[i] == whole.returns[i]);
}

/// The adjoint of a network with other weights, by a Problem that had them all along.
TEST(adjoints_follow_new_weights) {
    const auto problem = test::everything().load();
    run(problem, 1);  // makes the adjoints
    auto file = test::everything();
    for (float& weight : file.tensors.at("step/w0").data) weight *= 1.5f;
    file.tensors.at("step/constants").data = {0.03f, 0.04f};
    const auto newer = file.load();
    const Run before = run(problem, 1);
    problem->assign_weights(*newer);
    const Run after = run(problem, 1), expected = run(newer, 1);
    EXPECT(after.gradients == expected.gradients && after.returns == expected.returns);
    EXPECT(after.gradients != before.gradients);
}

TEST(a_gradient_that_runs_takes_new_weights_when_it_starts) {
    const auto problem = test::everything().load();
    mbrl::QuadraticModel model(problem, 1, std::make_shared<mbrl::ThreadPool>(1));
    auto file = test::everything();
    for (float& weight : file.tensors.at("step/w1").data) weight *= 2;
    const auto newer = file.load();
    mbrl::QuadraticModel expected(newer, 1, std::make_shared<mbrl::ThreadPool>(1));
    const std::vector<float> states = {0.4f, -0.3f, 0.1f, 0.2f}, goal = {0.3f, -0.2f}, wind = {0.1f};
    const float action = 0.2f;
    for (mbrl::QuadraticModel* one : {&model, &expected}) {
        one->start(nullptr, {goal.data(), wind.data()});
        EXPECT(one->run(states.data(), &action, 1));
    }
    EXPECT(model.jacobian() != expected.jacobian());
    problem->assign_weights(*newer);
    model.start(nullptr, {goal.data(), wind.data()});
    EXPECT(model.run(states.data(), &action, 1));
    EXPECT(model.jacobian() == expected.jacobian() && model.curvature() == expected.curvature() && model.weights_version() == 1);
}

TEST(a_quadratic_model_keeps_to_its_deadline) {
    mbrl::QuadraticModel model(test::everything().load(), 4, std::make_shared<mbrl::ThreadPool>(2));
    const std::vector<float> states(10, 0.1f), actions(4, 0.1f), goal = {0.3f, -0.2f}, wind(4, 0.1f);
    model.start(nullptr, {goal.data(), wind.data()});
    EXPECT(!model.run(states.data(), actions.data(), 4, 0, mbrl::now_ns() - 1));
    EXPECT(model.run(states.data(), actions.data(), 4));
    EXPECT(model.variables() == 4 && model.has_previous_action());
}

TEST(what_no_gradient_needs_is_dropped) {
    const auto problem = test::line().load();
    // reward = −|x + u − goal|: difference, its sign, a product with the cotangent; no forward distance, no next state's copies
    const auto& program = mbrl::adjoint_of(*problem, "step", {"reward"}, {"action"}).program();
    EXPECT(program.instructions.size() <= 5, program.instructions.size());
    EXPECT(program.outputs.size() == 1);
}

TEST(names_that_are_taken_are_refused) {
    mbrl::Program program;
    program.name = "step";
    program.arguments = {{"x", 1, false, 0}, {"cotangent of y", 1, false, 0}};
    program.outputs["y"] = {0};
    program.finish(nullptr);
    EXPECT_ERROR(mbrl::adjoint(program, {"gradient", {"y"}, {}}), "need an argument cotangent of y, a name that is taken");
}

TEST(sizes_out_of_range_are_named) {
    const auto problem = test::everything().load();
    const auto pool = std::make_shared<mbrl::ThreadPool>(1);
    EXPECT_ERROR(mbrl::RolloutGradient(problem, {0, 1, 1, 1}, pool), "population must be >= 1, got 0");
    EXPECT_ERROR(mbrl::RolloutGradient(problem, {1, 0, 1, 1}, pool), "horizon must be >= 1, got 0");
    EXPECT_ERROR(mbrl::QuadraticModel(problem, 0, pool), "steps must be >= 1, got 0");
    EXPECT_ERROR(mbrl::QuadraticModel(problem, 1, pool, {2, 1e-3f}), "member must be in -1..1, got 2");
    EXPECT_ERROR(mbrl::QuadraticModel(problem, 1, pool, {0, 0}), "smoothing must be > 0, got 0");
}

}  // namespace

TEST_MAIN
