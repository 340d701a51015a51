#include "target.hpp"

#include <cstdio>
#include <cstdlib>

#include "core/check.hpp"
#include "planners/cem.hpp"
#include "planners/gradient_shooting.hpp"
#include "planners/ilqr.hpp"
#include "problem/evaluate.hpp"
#include "problem/file.hpp"

namespace fuzz {
namespace {

constexpr int kMaxRows = 1 << 12;  // enough for every path, small enough for thousands of plans in a second

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "fuzz: broken promise: %s\n", what);
    std::abort();
}

bool small_enough(const mbrl::Problem& problem) {
    int rows = 0;
    for (const auto& [name, program] : problem.programs) rows += program.rows();
    for (const auto& input : problem.inputs) rows += input.size();
    return rows <= kMaxRows && rows * problem.members <= 4 * kMaxRows;
}

/// Every program once, on two candidates: lane rows, uniform rows, every member's weights.
void evaluate_programs(const mbrl::Problem& problem) {
    for (const auto& [name, program] : problem.programs) {
        require(program.multiply_adds() >= 0, "multiply-adds are counted");
        std::map<std::string, std::vector<float>> values;
        std::map<std::string, mbrl::ArgumentValues> arguments;
        for (const auto& argument : program.arguments) {
            auto& numbers = values[argument.name];
            numbers.assign(2 * static_cast<std::size_t>(argument.size), 0.25f);
            arguments[argument.name] = {numbers.data(), 2};
        }
        for (const auto& [output, rows] : mbrl::evaluate(program, problem.members - 1, 2, arguments))
            require(rows.size() == 2 * program.outputs.at(output).size(), "an output has a value per row and candidate");
    }
}

mbrl::CEMSettings settings() {
    mbrl::CEMSettings s;
    s.horizon = 2;
    s.steps_per_knot = 2;
    s.population = 17;
    s.elites = 3;
    s.iterations = 2;
    s.keep_elites = 1;
    s.include_mean = true;
    s.returns_best = true;
    s.warm_start = true;
    return s;
}

void plan(mbrl::Planner& planner) {
    const mbrl::Problem* problem = &planner.problem();
    const int steps = planner.horizon() * planner.steps_per_knot();
    std::vector<std::vector<float>> values;
    mbrl::InputValues inputs;
    for (const auto& input : problem->inputs)
        values.emplace_back(static_cast<std::size_t>(input.size()) * (input.per_step ? steps : 1), 0.5f);
    for (const auto& numbers : values) inputs.push_back(numbers.data());
    const std::vector<float> state(problem->state_size, 0.25f), previous(problem->action_size, 0.0f);
    for (int i = 0; i < 2; ++i) {
        const mbrl::Plan& made = planner.plan({state.data(), previous.data(), inputs});
        for (std::size_t e = 0; e < made.actions.size(); ++e) {
            const std::size_t a = e % problem->action_low.size();
            const bool within = made.actions[e] >= problem->action_low[a] && made.actions[e] <= problem->action_high[a];
            if (!within)
                std::fprintf(stderr, "fuzz: action %zu is %a, bounds %a and %a\n", e, static_cast<double>(made.actions[e]),
                             static_cast<double>(problem->action_low[a]), static_cast<double>(problem->action_high[a]));
            require(within, "a plan's actions are finite and within the bounds");
        }
    }
}

/// A sampler, and those who need the derivatives of whatever the file computes.
void plan_on(const std::shared_ptr<const mbrl::Problem>& problem) {
    mbrl::CEM sampler(problem, settings());
    plan(sampler);
    mbrl::GradientShootingSettings climb;
    climb.horizon = climb.steps_per_knot = climb.iterations = 2;
    climb.population = 3;
    mbrl::GradientShooting climber(problem, climb);
    plan(climber);
    mbrl::ILQRSettings improve;
    improve.horizon = improve.steps_per_knot = improve.iterations = 2;
    mbrl::ILQR improver(problem, improve);
    plan(improver);
}

}  // namespace

Outcome try_file(std::string_view bytes) {
    std::shared_ptr<mbrl::Problem> problem;
    try {
        problem = mbrl::load_problem(bytes);
    } catch (const mbrl::Error& error) {
        require(*error.what() != '\0', "a refusal has a sentence");
        return Outcome::refused;
    }
    if (!small_enough(*problem)) return Outcome::loaded;
    evaluate_programs(*problem);
    const bool plans = problem->program("step").outputs.contains("reward");  // else refused by every planner
    if (plans) plan_on(problem);
    problem->assign_weights(*mbrl::load_problem(bytes));  // those of the adjoints, too
    if (plans) plan_on(problem);
    return plans ? Outcome::planned : Outcome::loaded;
}

}  // namespace fuzz
