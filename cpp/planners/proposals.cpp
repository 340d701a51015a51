#include "planners/proposals.hpp"

#include <algorithm>

#include "core/check.hpp"

namespace mbrl {
namespace {

const Program& policy_of(const Problem& problem) {
    const Program* policy = problem.find_program("policy");
    check(policy != nullptr, "policy_candidates needs a policy: export the problem with one");
    for (const Argument& argument : policy->arguments)
        check(argument.name == "state" || problem.find_input(argument.name) != nullptr,
              "policy_candidates needs a policy of state and run-time inputs alone, it uses ", argument.name);
    return *policy;
}

}  // namespace

PolicyProposals::Runner::Runner(const Problem& of, const Program& program, bool feeds_back)
    : problem(of),
      executor(program, kLaneGroup),
      state_at(executor.argument_offset("state")),
      action_at(executor.argument_offset("action")),
      previous_at(executor.argument_offset("previous_action")),
      time_at(executor.argument_offset("time")) {
    if (feeds_back) executor.set_feedback("next_state", "state");
    lanes = AlignedFloats(executor.lane_floats());
    uniforms = AlignedFloats(executor.uniform_floats());
    for (const Input& input : problem.inputs) input_at.push_back(input.per_step ? executor.argument_offset(input.name) : -1);
}

/// Sequences are few: constants and prologue are written for each of them anew.
void PolicyProposals::Runner::use(const Rollout& planner, int member, const InputValues& inputs) {
    const Program& program = executor.program();
    const WeightSet* newer = planner.weights().get();
    executor.use(newer ? *newer->programs.at(program.name) : *program.weights());
    const int weights = std::min(member, program.members - 1);
    executor.write_constants(weights, uniforms.data());
    for (std::size_t i = 0; i < inputs.size(); ++i)
        if (!problem.inputs[i].per_step) executor.write_uniform(problem.inputs[i].name, inputs[i], uniforms.data());
    executor.run_prologue(weights, uniforms.data());
    frame = executor.frame(weights, uniforms.data(), lanes.data(), kLaneGroup);
}

void PolicyProposals::Runner::set(int at, const float* values, int count) {
    for (int i = 0; at >= 0 && i < count; ++i)
        std::fill_n(lanes.data() + at + i * kLaneGroup, kLaneGroup, values ? values[i] : 0.0f);
}

void PolicyProposals::Runner::set_step(const InputValues& inputs, int step) {
    const float seconds = static_cast<float>(step * problem.dt);
    set(time_at, &seconds, 1);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const int size = problem.inputs[i].size();
        set(input_at[i], inputs[i] + static_cast<std::ptrdiff_t>(step) * size, size);
    }
}

PolicyProposals::PolicyProposals(std::shared_ptr<const Problem> problem, int rows, int steps_per_row)
    : problem_(std::move(problem)),
      size_(problem_->action_size),
      elements_(rows * size_),
      steps_per_row_(steps_per_row),
      step_(*problem_, problem_->program("step"), true),
      policy_(*problem_, policy_of(*problem_), false),
      actions_(static_cast<std::size_t>(problem_->members) * elements_),
      state_(problem_->state_size) {}

bool PolicyProposals::run(const Start& start, const Rollout& planner) {
    for (int member = 0; member < problem_->members; ++member) {
        step_.use(planner, member, start.inputs);
        policy_.use(planner, member, start.inputs);
        if (!run_member(start, actions_.data() + static_cast<std::ptrdiff_t>(member) * elements_)) return false;
    }
    return true;
}

bool PolicyProposals::run_member(const Start& start, float* actions) {
    const int steps = elements_ / size_ * steps_per_row_;
    step_.set(step_.state_at, start.state, problem_->state_size);
    const float* previous = start.previous_action;
    for (int step = 0; step < steps; ++step) {
        if (start.deadline != kNoDeadline && now_ns() >= start.deadline) return false;
        float* action = actions + static_cast<std::ptrdiff_t>(step / steps_per_row_) * size_;
        if (step % steps_per_row_ == 0) {
            for (int i = 0; i < problem_->state_size; ++i) state_[i] = step_.lanes[step_.state_at + i * kLaneGroup];
            policy_.set_step(start.inputs, step);
            act(start, action);
        }
        step_.set_step(start.inputs, step);
        step_.set(step_.action_at, action, size_);
        step_.set(step_.previous_at, previous, size_);
        step_.executor.run(step_.frame);
        step_.executor.feed_back(step_.frame);
        previous = action;
    }
    return true;
}

/// What is no number becomes the lower bound.
void PolicyProposals::act(const Start& start, float* action) {
    policy_.set(policy_.state_at, state_.data(), problem_->state_size);
    policy_.executor.run(policy_.frame);
    const std::vector<Operand>& output = policy_.executor.output("action");
    float lanes[kLaneGroup];
    for (int a = 0; a < size_; ++a) {
        read_operand(policy_.frame, output[a], lanes, kLaneGroup);
        action[a] = !(lanes[0] > start.low[a]) ? start.low[a] : std::min(lanes[0], start.high[a]);
    }
}

}  // namespace mbrl
