// Proposals: sequences of actions that a planner tries besides its own, from the Problem's policy.
#pragma once

#include <memory>
#include <vector>

#include "core/aligned.hpp"
#include "problem/rollout.hpp"

namespace mbrl {

/// What the policy would do from a plan's start on, under each member of the dynamics.
class PolicyProposals {
 public:
    /// Sequences of `rows` actions, each held for `steps_per_row` model steps. Allocates everything. Throws Error when the problem
    /// has no policy, or one that asks for more than the state and run-time inputs.
    PolicyProposals(std::shared_ptr<const Problem> problem, int rows, int steps_per_row);

    int count() const { return problem_->members; }
    /// [rows, action_size], within the bounds.
    const float* actions(int member) const { return actions_.data() + static_cast<std::ptrdiff_t>(member) * elements_; }
    std::int64_t model_steps() const { return std::int64_t{problem_->members} * elements_ / size_ * steps_per_row_; }

    struct Start {
        const float *state, *previous_action;  // [state_size], [action_size] (null: zeros)
        const InputValues& inputs;             // as Rollout::start
        const float *low, *high;               // [action_size], of the actions
        std::int64_t deadline = kNoDeadline;
    };
    /// Rolls policy and dynamics out together, with the weights of `planner`. Returns false when the deadline came first.
    bool run(const Start& start, const Rollout& planner);

 private:
    /// A program on one vector of lanes, all of them alike.
    struct Runner {
        Runner(const Problem& problem, const Program& program, bool feeds_back);
        void use(const Rollout& planner, int member, const InputValues& inputs);
        void set(int at, const float* values, int count);
        void set_step(const InputValues& inputs, int step);
        void run();

        const Problem& problem;
        Executor executor;
        AlignedFloats lanes, uniforms;
        int state_at, action_at, previous_at, time_at;  // lane offsets, -1 where the program does not ask
        std::vector<int> input_at;                      // of each per-step input, -1 otherwise
        Frame frame{};
    };
    bool run_member(const Start& start, float* actions);
    void act(const Start& start, float* action);

    std::shared_ptr<const Problem> problem_;
    int size_, elements_, steps_per_row_;
    Runner step_, policy_;
    std::vector<float> actions_, state_;  // [members, rows, action_size], [state_size]
};

}  // namespace mbrl
