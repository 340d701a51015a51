// Rollout: THE loop over time. Candidates × members × model steps → returns, by tiles, over threads.
#pragma once

#include <memory>
#include <vector>

#include "core/thread_pool.hpp"
#include "problem/problem.hpp"
#include "program/executor.hpp"

namespace mbrl {

/// How long and how wide the rollouts of one planner are.
struct RolloutShape {
    int population = 1;
    int horizon = 1;         // knots
    int steps_per_knot = 1;  // model steps an action is held
    double discount = 1;
    int steps() const { return horizon * steps_per_knot; }
};

/// One candidate's value per run-time input, in the order of Problem::inputs: [size], per-step inputs [steps, size].
using InputValues = std::vector<const float*>;

/// Action sequences of a population: row (knot·action_size + a) holds one number for every candidate.
struct ActionRows {
    const float* rows;
    std::int64_t stride;
};

/// Where the caller wants states: [steps + 1][state_size] rows over candidates, zeroed; the mean over members is added.
struct StateRows {
    float* rows;
    std::int64_t stride;
};

class Rollout {
 public:
    /// Sizes and allocates everything; run() allocates nothing. Without a reward in the problem the returns are NaN.
    Rollout(std::shared_ptr<const Problem> problem, RolloutShape shape, std::shared_ptr<ThreadPool> pool);

    const Problem& problem() const { return *problem_; }
    const RolloutShape& shape() const { return shape_; }
    /// Candidates are padded to this many in action, return and state rows.
    int padded_population() const { return padded_; }
    int lanes_per_tile() const { return stride_; }

    /// Once per plan: start state [state_size], last executed action [action_size], inputs. Runs the prologues.
    void start(const float* state, const float* previous_action, const InputValues& inputs);
    /// Optionally one start state per candidate: rows [state_size], `stride` floats apart.
    void start_states(const float* rows, std::int64_t stride) { start_rows_ = {rows, stride}; }

    /// Rolls out `count` candidates. returns[padded]; states optional. Rows must be readable up to the padding.
    void run(ActionRows actions, int count, float* returns, StateRows states = {nullptr, 0});

 private:
    struct Worker {
        AlignedFloats step_lanes, terminal_lanes, total, alive, sum, next;
    };
    void run_tile(Worker& worker, ActionRows actions, int first, int width, float* returns, StateRows states);
    void run_member(Worker& worker, int member, ActionRows actions, int first, int width, StateRows states);
    void load_arguments(Worker& worker, ActionRows actions, int first, int width, int step);
    void add_terminal_value(Worker& worker, int member, int width);
    void save_states(const float* lanes, StateRows states, int step, int first, int width) const;

    std::shared_ptr<const Problem> problem_;
    RolloutShape shape_;
    std::shared_ptr<ThreadPool> pool_;
    int stride_ = 0, padded_ = 0, vectors_ = 0;
    std::unique_ptr<Executor> step_, terminal_;
    std::vector<Operand> next_state_;
    Operand reward_{}, ended_{};
    bool has_reward_ = false, ends_ = false;
    int state_at_ = -1, action_at_ = -1, previous_at_ = -1, time_at_ = -1;
    std::vector<int> input_at_;  // lane offset of each per-step input, -1 otherwise
    std::vector<float> discounts_;
    AlignedFloats step_uniforms_, terminal_uniforms_;  // one block per member
    std::vector<float> state_, previous_action_;
    std::vector<std::vector<float>> input_values_;
    ActionRows start_rows_{nullptr, 0};
    std::vector<Worker> workers_;
};

}  // namespace mbrl
