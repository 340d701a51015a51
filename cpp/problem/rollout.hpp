// Rollout: THE loop over time. Candidates × members or particles × model steps → returns, by tiles, over threads.
#pragma once

#include <memory>
#include <vector>

#include "core/thread_pool.hpp"
#include "problem/objective.hpp"
#include "problem/particles.hpp"
#include "problem/placed_program.hpp"
#include "problem/tiles.hpp"

namespace mbrl {

/// How long and how wide the rollouts of one planner are.
struct RolloutShape {
    int population = 1;
    int horizon = 1;         // knots
    int steps_per_knot = 1;  // model steps an action is held
    double discount = 1;
    Objective objective = Objective::mean;  // over the trajectories of a candidate
    double risk = 0;                        // of the objective
    int particles = 0;                      // trajectories of a candidate, 0: one for each member, at its mean
    Propagation propagation = Propagation::ts_inf;
    int steps() const { return horizon * steps_per_knot; }
};

/// Action sequences of a population: row (knot·action_size + a) holds one number for every candidate.
struct ActionRows {
    const float* rows;
    std::int64_t stride;
};

/// Where the caller wants states: [steps + 1][state_size] rows over candidates, zeroed; the mean over trajectories is added.
struct StateRows {
    float* rows;
    std::int64_t stride;
};

/// Where the caller wants the return of every trajectory: [trajectories] rows over candidates.
struct TrajectoryRows {
    float* rows = nullptr;
    std::int64_t stride = 0;
};

/// What a run may spend, and what would be wasted. Tiles are planned in order; the first `max_tiles` may run.
struct Budget {
    std::int64_t deadline = kNoDeadline;  // now_ns() at which to stop, checked between model steps
    std::int64_t max_tiles = INT64_MAX;
    int steps = 0;  // model steps to roll out, 0: all of the shape; fewer leave the terminal value out
    int keep = 0;   // only the best `keep` candidates matter: who cannot become one of them may stop (0: all matter)
};

/// What a run did. Candidates of unfinished tiles, and those behind them, do not count.
struct Progress {
    int candidates = 0;
    int tiles = 0;
    bool complete = true;
    std::int64_t model_steps = 0;  // candidates × steps × trajectories that were computed, pruned ones not
};

/// Called before a tile of candidates [first, first + width) is rolled out, on the thread that will do it.
struct Prepare {
    void (*call)(void* context, int first, int width) = nullptr;
    void* context = nullptr;
};

class Rollout {
 public:
    /// Sizes and allocates everything; run() allocates nothing. Without a reward in the problem the returns are NaN.
    Rollout(std::shared_ptr<const Problem> problem, RolloutShape shape, std::shared_ptr<ThreadPool> pool);

    const Problem& problem() const { return *problem_; }
    const RolloutShape& shape() const { return shape_; }
    /// Candidates are padded to this many in action, return and state rows.
    int padded_population() const { return padded_; }
    /// Of every candidate: particles, or members.
    int trajectories() const { return particles_.count(); }
    /// Once per plan, where particles are asked for: their noise, a function of these numbers.
    void draw_particles(std::array<std::uint32_t, 2> key, std::uint32_t plan) { particles_.draw(key, plan); }

    /// Takes newer weights, if the problem has some and nobody is leaving them just now: waits, allocates and frees nothing.
    void take_weights();
    /// The same weights as another rollout of the problem.
    void share_weights(const Rollout& other);
    /// Which ones, see WeightSlot; 0 are the file's.
    std::uint64_t weights_version() const { return version_; }
    const std::shared_ptr<const WeightSet>& weights() const { return weights_; }  // null: the programs' own
    /// Once per plan: start state [state_size], last executed action [action_size] (null: zeros), inputs. Takes newer weights
    /// first, if asked to, and runs the prologues when the inputs or the weights are others than last time.
    void start(const float* state, const float* previous_action, const InputValues& inputs, bool take_newer = true);
    /// Optionally one start state per candidate: rows [state_size], `stride` floats apart.
    void start_states(const float* rows, std::int64_t stride) { start_rows_ = {rows, stride}; }

    /// Rolls out `count` candidates. returns[padded]: −∞ of those that were pruned, which a run that wants states or returns of
    /// trajectories never does. Rows must be readable up to the padding.
    Progress run(ActionRows actions, int count, float* returns, StateRows states = {nullptr, 0}, const Budget& budget = {},
                 Prepare prepare = {}, TrajectoryRows trajectories = {});

 private:
    struct Worker {
        AlignedFloats step_lanes, terminal_lanes, total, alive, sum, scratch;
        AlignedFloats trajectories;         // [trajectories][lanes] returns, for objectives other than the mean
        std::vector<float> returns;         // [trajectories] of one candidate
        std::vector<int> candidates, kept;  // of each lane in use: its place in the tile; and which lanes to keep, for prune()
        std::vector<float> best;            // the best returns of this worker in this run, a heap of at most Budget::keep
        std::int64_t model_steps = 0;
        StepClock clock;
    };
    struct Job {
        ActionRows actions;
        int count;
        float* returns;
        StateRows states;
        Budget budget;
        Prepare prepare;
        TrajectoryRows trajectories;
    };
    /// The candidates that a worker rolls out: all of a tile, or (packed) those that pruning has left, in its first lanes.
    struct Tile {
        int first, width;  // candidates begin at `first`; lanes in use, a multiple of the vector length
        int live;          // lanes that hold candidates
        bool packed = false;
    };
    enum class Outcome : std::uint8_t { cut, pruned, done };
    Outcome run_tile(Worker& worker, const Job& job, int first, int width);
    Outcome run_trajectory(Worker& worker, const Job& job, int trajectory, Tile& tile);
    bool may_prune(const Job& job, const Worker& worker, int trajectory, int step) const;
    Outcome prune(Worker& worker, int trajectory, int step, Tile& tile) const;
    void pack(Worker& worker, int live, Tile& tile) const;
    void keep_returns(Worker& worker, const Job& job, int trajectory, const Tile& tile) const;
    float outcome(Worker& worker, int lane) const;
    void remember(Worker& worker, const Job& job, int first, int width) const;
    void bound_rewards();
    void use_weights();
    float rounding_slack() const;
    void start_state(const Worker& worker, float* state, const Tile& tile) const;
    void load_arguments(Worker& worker, ActionRows actions, const Tile& tile, int trajectory, int step);
    void add_terminal_value(Worker& worker, int member, int width);
    void save_states(const float* lanes, StateRows states, int step, int first, int width) const;

    std::shared_ptr<const Problem> problem_;
    RolloutShape shape_;
    std::shared_ptr<ThreadPool> pool_;
    Particles particles_;
    int stride_ = 0, padded_ = 0;
    std::unique_ptr<PlacedProgram> step_, terminal_;
    HeldInputs inputs_;
    Operand reward_{}, ended_{};
    bool has_reward_ = false, ends_ = false;
    std::vector<float> discounts_;
    std::vector<float> rest_;  // [steps + 1] most that a trajectory can still collect from a step on
    std::vector<float> state_, previous_action_;
    std::shared_ptr<const WeightSet> weights_;  // null: the programs' own
    std::uint64_t version_ = 0;
    bool prepared_ = false;
    ActionRows start_rows_{nullptr, 0};
    std::vector<Worker> workers_;
    std::vector<Outcome> outcomes_;  // of each tile
};

}  // namespace mbrl
