// A quadratic model of a Problem along one trajectory: what iLQR's backward pass needs.
#pragma once

#include <memory>
#include <vector>

#include "core/thread_pool.hpp"
#include "problem/rollout.hpp"
#include "program/gradient.hpp"

namespace mbrl {

struct QuadraticSettings {
    int member = -1;          // of an ensemble, −1: the mean over its members, of dynamics and rewards
    float smoothing = 1e-3f;  // |z| and √q count as at least this where they are divided by
};

/// Around every step of a trajectory: next state ≈ f + F·δ, reward ≈ r + gᵀδ − ½·δᵀCδ with δ = (state, action[, previous action])
/// and C positive semidefinite. F and g are the true derivatives of the step (the reward's through its next state, too), except
/// that √q below `smoothing` is as steep as there. C is Gauss-Newton's: see curvature() in program/gradient.hpp. Termination is not
/// looked at.
class QuadraticModel {
 public:
    /// Sizes and allocates everything for up to `steps` model steps; run() allocates nothing.
    QuadraticModel(std::shared_ptr<const Problem> problem, int steps, std::shared_ptr<ThreadPool> pool,
                   QuadraticSettings settings = {});

    const Problem& problem() const { return *problem_; }
    int steps() const { return steps_; }
    /// V = state_size + action_size (+ action_size, if a program reads the previous action): the entries of δ.
    int variables() const { return variables_; }
    bool has_previous_action() const { return variables_ > problem_->state_size + problem_->action_size; }

    /// Takes newer weights, if there are some: waits, allocates and frees nothing.
    void take_weights();
    /// The same weights as a rollout of the problem, so that one plan has one model.
    void share_weights(const Rollout& other);
    std::uint64_t weights_version() const { return version_; }
    /// Once per plan: last executed action [action_size] (null: zeros) and inputs, as Rollout's (per-step inputs [steps(), size]).
    void start(const float* previous_action, const InputValues& inputs, bool take_newer = true);
    /// Expands around states [count + 1, state_size] and actions [count, action_size], count ≤ steps(), the first at model step
    /// `first_step` of the inputs and the time. False when the deadline (now_ns) cut it off: the arrays then mean nothing.
    bool run(const float* states, const float* actions, int count, int first_step = 0, std::int64_t deadline = kNoDeadline);

    // Of the last run, row-major.
    const std::vector<float>& jacobian() const { return jacobian_; }    // F [count, state_size, V]
    const std::vector<float>& rewards() const { return rewards_; }      // r [count]
    const std::vector<float>& gradient() const { return gradient_; }    // g [count, V]
    const std::vector<float>& curvature() const { return curvature_; }  // C [count, V, V]
    // Of the terminal value at the last state; zeros when the problem has none.
    float terminal_value() const { return terminal_value_; }
    const std::vector<float>& terminal_gradient() const { return terminal_gradient_; }    // [state_size]
    const std::vector<float>& terminal_curvature() const { return terminal_curvature_; }  // [state_size, state_size]

 private:
    /// One program and its lanes: for every point one with a unit cotangent for each output row, the objective and each residual.
    struct Expansion {
        std::unique_ptr<PlacedProgram> program;
        int through = 0, residuals = 0, variables = 0;
        int lanes_each = 0;  // lanes of one point: through, objective, residuals
        int by_through = -1, by_objective = -1, by_residual = -1;
        std::vector<Operand> gradients, factors;  // [variables], [residuals]
        Operand objective{};
        bool has_objective = false;
        std::vector<float> lane_gradients, lane_factors, values;  // [points · lanes_each, variables], [points, residuals], [points]
    };
    struct Points {
        const float *states, *actions;
        int count, first_step;
    };
    struct Out {
        float *jacobian, *values, *gradient, *curvature;
    };
    Expansion expansion(const std::string& program, const std::string& objective, const std::string& through, int points);
    bool run_expansion(Expansion& expansion, const Points& points, std::int64_t deadline, const Out& out);
    void run_tile(Expansion& expansion, const Points& points, int member, int tile, int thread);
    void load_lane(const Expansion& expansion, const Points& points, float* lanes, int lane, int point, int role) const;
    void add(const Expansion& expansion, int count, float share, const Out& out) const;
    void use_weights();

    std::shared_ptr<const Problem> problem_;
    int steps_, variables_ = 0, stride_ = 0;
    std::shared_ptr<ThreadPool> pool_;
    QuadraticSettings settings_;
    HeldInputs inputs_;
    Expansion step_, terminal_;
    std::vector<float> previous_action_, jacobian_, rewards_, gradient_, curvature_, terminal_gradient_, terminal_curvature_;
    float terminal_value_ = 0;
    bool prepared_ = false;
    std::shared_ptr<const WeightSet> weights_, first_weights_;  // the first ones are kept: nothing is freed while planning
    std::uint64_t version_ = 0;
    std::vector<AlignedFloats> lanes_;  // of each thread
};

}  // namespace mbrl
