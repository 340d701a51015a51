// Gradients of a Problem: of the returns of whole rollouts with respect to their actions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/thread_pool.hpp"
#include "problem/rollout.hpp"
#include "program/gradient.hpp"

namespace mbrl {

/// The adjoint of one of a Problem's programs with cotangents for these outputs, made once and kept by the Problem.
const DerivedProgram& adjoint_of(const Problem& problem, const std::string& program, const std::vector<std::string>& outputs,
                                 const std::vector<std::string>& arguments = {});

/// Where the gradient goes: rows as ActionRows has them.
struct GradientRows {
    float* rows;
    std::int64_t stride;
};

/// Returns of candidates, as Rollout gives them, and their derivatives with respect to every action of the candidate. Holds the
/// states of a tile's model steps and computes each step anew on the way back. Candidates are independent of one another, so
/// neither threads nor tiles change a bit. What follows the end of a candidate (termination) has no part in its gradient.
class RolloutGradient {
 public:
    /// Sizes and allocates everything; run() allocates nothing. A problem without a reward is an Error.
    RolloutGradient(std::shared_ptr<const Problem> problem, RolloutShape shape, std::shared_ptr<ThreadPool> pool);

    const Problem& problem() const { return *problem_; }
    const RolloutShape& shape() const { return shape_; }
    /// Candidates are padded to this many in action, return and gradient rows.
    int padded_population() const { return padded_; }
    /// As Rollout's: the returns are means over particles, whose noise is taken as given.
    void draw_particles(std::array<std::uint32_t, 2> key, std::uint32_t plan) { particles_.draw(key, plan); }

    /// Takes newer weights, if the problem has some and nobody is leaving them just now: waits, allocates and frees nothing.
    void take_weights();
    /// The same weights as a rollout of the problem, so that one plan has one model.
    void share_weights(const Rollout& other);
    std::uint64_t weights_version() const { return version_; }
    /// As Rollout's: once per plan; null previous action: zeros.
    void start(const float* state, const float* previous_action, const InputValues& inputs, bool take_newer = true);
    /// Optionally one start state per candidate: rows [state_size], `stride` floats apart.
    void start_states(const float* rows, std::int64_t stride) { start_rows_ = {rows, stride}; }

    /// returns[padded]; gradients [horizon · action_size] rows over candidates. The deadline is checked before every model step, on
    /// the way there and back; what Progress does not count is not finished. Budget::steps and ::keep are not for gradients.
    Progress run(ActionRows actions, int count, float* returns, GradientRows gradients, const Budget& budget = {});

 private:
    struct Worker {
        AlignedFloats step, step_back, terminal, terminal_back;  // lanes of the programs
        AlignedFloats states;                                    // [steps + 1][state_size] rows: the checkpoints
        AlignedFloats alive;                                     // [steps + 1] rows, not 0 where the candidate has not ended
        AlignedFloats lambda;                                    // [state_size] rows, of the return by the state
        AlignedFloats total, sum, scratch;
        std::int64_t model_steps = 0;
        StepClock clock;
    };
    struct Job {
        ActionRows actions;
        int count;
        float* returns;
        GradientRows gradients;
        Budget budget;
    };
    bool run_tile(Worker& worker, const Job& job, int first, int width);
    bool forward(Worker& worker, const Job& job, int trajectory, int first, int width);
    bool backward(Worker& worker, const Job& job, int trajectory, int first, int width);
    void add_terminal(Worker& worker, int member, int width);
    void terminal_lambda(Worker& worker, int member, int width);
    void step_back(Worker& worker, const Job& job, const Frame& frame, int step, int first);
    void load_step(const PlacedProgram& program, float* lanes, const Job& job, int trajectory, int step, int first,
                   int width) const;
    void load_state(Worker& worker, int first, int width) const;
    float* state(Worker& worker, int step) const;
    void use_weights();
    void find_rows();

    std::shared_ptr<const Problem> problem_;
    RolloutShape shape_;
    std::shared_ptr<ThreadPool> pool_;
    Particles particles_;
    int padded_ = 0, stride_ = 0;
    std::unique_ptr<PlacedProgram> step_, step_back_, terminal_, terminal_back_;
    HeldInputs inputs_;
    Operand reward_{}, ended_{}, value_{};
    int by_next_state_ = -1, by_reward_ = -1, by_value_ = -1;                      // offsets of the cotangents
    std::vector<Operand> to_state_, to_action_, to_previous_, terminal_to_state_;  // the gradients
    bool ends_ = false, prepared_ = false;
    std::vector<float> discounts_, state_, previous_action_;
    std::shared_ptr<const WeightSet> weights_, first_weights_;  // the first ones are kept: nothing is freed while planning
    std::uint64_t version_ = 0;
    ActionRows start_rows_{nullptr, 0};
    std::vector<Worker> workers_;
    std::vector<char> finished_;  // of each tile
};

}  // namespace mbrl
