#include "problem/rollout.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/check.hpp"
#include "core/denormals.hpp"
#include "kernels/dispatch.hpp"

namespace mbrl {
namespace {

/// One row of a tile's candidates into lanes; what lies behind the live ones is theirs who went.
template <class Tile>
void copy_lanes(const float* from, const std::vector<int>& candidates, const Tile& tile, float* to) {
    if (!tile.packed)
        std::copy_n(from, tile.width, to);
    else
        for (int lane = 0; lane < tile.live; ++lane) to[lane] = from[candidates[lane]];
}

}  // namespace

Rollout::Rollout(std::shared_ptr<const Problem> problem, RolloutShape shape, std::shared_ptr<ThreadPool> pool)
    : problem_(std::move(problem)),
      shape_(shape),
      pool_(std::move(pool)),
      particles_(*problem_, shape.particles, shape.propagation, std::max(shape.steps(), 1)),
      inputs_(*problem_, std::max(shape.steps(), 1)) {
    check(shape_.population >= 1, "population must be >= 1, got ", shape_.population);
    check(shape_.horizon >= 1, "horizon must be >= 1, got ", shape_.horizon);
    check(shape_.steps_per_knot >= 1, "steps_per_knot must be >= 1, got ", shape_.steps_per_knot);
    const Program& step = problem_->program("step");
    check_objective(shape_.objective, shape_.risk);
    check(!asks_for_members(shape_.objective) || shape_.particles == 0 || shape_.propagation == Propagation::ts_inf,
          "objectives mean_within and mean_between need propagation ts_inf: under ts1 a particle belongs to no member");
    padded_ = round_up(shape_.population, kLaneGroup);
    stride_ = std::min(tile_lanes(step), padded_);
    step_ = std::make_unique<PlacedProgram>(*problem_, step, stride_);
    if (const Program* terminal = problem_->find_program("terminal_value"))
        terminal_ = std::make_unique<PlacedProgram>(*problem_, *terminal, stride_);
    Executor& executor = step_->executor();
    executor.set_feedback("next_state", "state");
    has_reward_ = !executor.output("reward").empty();
    ends_ = !executor.output("termination").empty();
    if (has_reward_) reward_ = executor.output("reward")[0];
    if (ends_) ended_ = executor.output("termination")[0];
    double factor = 1;
    for (int t = 0; t <= shape_.steps(); ++t, factor *= shape_.discount) discounts_.push_back(static_cast<float>(factor));
    bound_rewards();
    outcomes_.resize(Tiling(shape_.population, stride_, pool_->threads()).tiles());
    state_.resize(problem_->state_size);
    previous_action_.resize(problem_->action_size);
    for (int thread = 0; thread < pool_->threads(); ++thread) {
        Worker& worker = workers_.emplace_back();
        worker.step_lanes = AlignedFloats(step_->executor().lane_floats());
        if (terminal_) worker.terminal_lanes = AlignedFloats(terminal_->executor().lane_floats());
        worker.total = AlignedFloats(stride_);
        worker.alive = AlignedFloats(stride_);
        worker.sum = AlignedFloats(stride_);
        worker.scratch = AlignedFloats(stride_);
        if (shape_.objective != Objective::mean) {
            worker.trajectories = AlignedFloats(static_cast<std::size_t>(trajectories()) * stride_);
            worker.returns.resize(trajectories());
        }
        worker.candidates.resize(stride_);
        worker.kept.resize(stride_);
        worker.best.reserve(shape_.population);
    }
    weights_ = problem_->weights.newest(&version_);
    if (weights_) use_weights();
}

Progress Rollout::run(ActionRows actions, int count, float* returns, StateRows states, const Budget& budget, Prepare prepare,
                      TrajectoryRows trajectories) {
    const Job job{actions, count, returns, states, budget, prepare, trajectories};
    const Tiling tiling(count, stride_, pool_->threads());
    const int tiles = tiling.tiles();
    for (Worker& worker : workers_) {
        worker.best.clear();
        worker.model_steps = 0;
        worker.clock = {};
    }
    const int allowed = static_cast<int>(std::clamp<std::int64_t>(budget.max_tiles, 0, tiles));
    std::fill_n(outcomes_.begin(), tiles, Outcome::cut);
    pool_->for_each(allowed, [&](int tile, int thread) {
        const FlushDenormals flush;
        outcomes_[tile] = run_tile(workers_[thread], job, tiling.begin(tile), tiling.begin(tile + 1) - tiling.begin(tile));
    });
    Progress progress;
    while (progress.tiles < tiles && outcomes_[progress.tiles] != Outcome::cut) ++progress.tiles;
    progress.complete = progress.tiles == tiles;
    progress.candidates = std::min(tiling.begin(progress.tiles), count);
    for (const Worker& worker : workers_) progress.model_steps += worker.model_steps;
    return progress;
}

/// Rolls a tile out one trajectory after the other. Those of a member follow each other: its weights stay in the cache.
Rollout::Outcome Rollout::run_tile(Worker& worker, const Job& job, int first, int width) {
    if (job.budget.deadline != kNoDeadline && now_ns() >= job.budget.deadline) return Outcome::cut;
    if (job.prepare.call) job.prepare.call(job.prepare.context, first, width);
    Tile tile{first, width, std::min(width, job.count - first)};
    std::iota(worker.candidates.begin(), worker.candidates.begin() + width, 0);
    std::fill_n(worker.sum.data(), width, 0.0f);
    std::fill_n(job.returns + first, width, -std::numeric_limits<float>::infinity());
    for (int trajectory = 0; trajectory < trajectories(); ++trajectory) {
        const Outcome outcome = run_trajectory(worker, job, trajectory, tile);
        if (outcome != Outcome::done) return outcome;
        for (int lane = 0; lane < tile.width; ++lane) worker.sum[lane] += worker.total[lane];
        keep_returns(worker, job, trajectory, tile);
    }
    for (int lane = 0; lane < tile.live; ++lane)
        job.returns[first + worker.candidates[lane]] =
            has_reward_ ? outcome(worker, lane) : std::numeric_limits<float>::quiet_NaN();
    if (job.budget.keep > 0) remember(worker, job, first, width);
    return Outcome::done;
}

void Rollout::keep_returns(Worker& worker, const Job& job, int trajectory, const Tile& tile) const {
    if (shape_.objective != Objective::mean)
        std::copy_n(worker.total.data(), tile.width, worker.trajectories.data() + std::ptrdiff_t{trajectory} * stride_);
    if (job.trajectories.rows)
        std::copy_n(worker.total.data(), tile.width, job.trajectories.rows + trajectory * job.trajectories.stride + tile.first);
}

/// Of a candidate, from the returns of its trajectories. One that is not finite in one of them is not finite at all.
float Rollout::outcome(Worker& worker, int lane) const {
    const int count = trajectories();
    const float mean = worker.sum[lane] * (1.0f / static_cast<float>(count));
    if (shape_.objective == Objective::mean || !std::isfinite(mean)) return mean;
    for (int n = 0; n < count; ++n) worker.returns[n] = worker.trajectories[static_cast<std::size_t>(n) * stride_ + lane];
    return combine(shape_.objective, shape_.risk, worker.returns.data(), count, problem_->members);
}

Rollout::Outcome Rollout::run_trajectory(Worker& worker, const Job& job, int trajectory, Tile& tile) {
    const KernelTable& table = kernels();
    float* lanes = worker.step_lanes.data();
    float* state = lanes + step_->state;
    int member = particles_.member(trajectory, 0);
    Frame frame = step_->frame(member, lanes, tile.width);
    std::fill_n(worker.total.data(), tile.width, 0.0f);
    std::fill_n(worker.alive.data(), tile.width, 1.0f);
    start_state(worker, state, tile);
    if (job.states.rows) save_states(state, job.states, 0, tile.first, tile.width);
    worker.clock.began = 0;
    const int steps = job.budget.steps > 0 ? job.budget.steps : shape_.steps();
    for (int t = 0; t < steps; ++t) {
        if (worker.clock.out_of_time(job.budget.deadline)) return Outcome::cut;
        load_arguments(worker, job.actions, tile, trajectory, t);
        if (const int next = particles_.member(trajectory, t); next != member) {
            member = next;
            frame = step_->frame(member, lanes, tile.width);
        }
        step_->executor().run(frame);
        worker.model_steps += tile.live;
        float* scratch = worker.scratch.data();
        const float* reward = has_reward_ ? lanes_of(frame, reward_, scratch) : nullptr;
        table.accumulate(worker.total.data(), worker.alive.data(), reward, nullptr, discounts_[t], tile.width);
        if (ends_)
            table.accumulate(worker.total.data(), worker.alive.data(), nullptr, lanes_of(frame, ended_, scratch), 0, tile.width);
        step_->executor().feed_back(frame);
        if (job.states.rows) save_states(state, job.states, t + 1, tile.first, tile.width);
        if (!may_prune(job, worker, trajectory, t + 1)) continue;
        if (prune(worker, trajectory, t + 1, tile) == Outcome::pruned) return Outcome::pruned;
        frame.width = tile.width;
    }
    if (terminal_ && steps == shape_.steps()) add_terminal_value(worker, member, tile.width);
    return Outcome::done;
}

void Rollout::start_state(const Worker& worker, float* state, const Tile& tile) const {
    for (int i = 0; i < problem_->state_size; ++i) {
        float* row = state + static_cast<std::ptrdiff_t>(i) * stride_;
        if (!start_rows_.rows)
            std::fill_n(row, tile.width, state_[i]);
        else
            copy_lanes(start_rows_.rows + i * start_rows_.stride + tile.first, worker.candidates, tile, row);
    }
}

/// Actions are held for a knot; noise, time and per-step inputs change every step.
void Rollout::load_arguments(Worker& worker, ActionRows actions, const Tile& tile, int trajectory, int step) {
    float* lanes = worker.step_lanes.data();
    const int action_size = problem_->action_size, width = tile.width;
    const auto row = [&](int at, int i) { return lanes + at + static_cast<std::ptrdiff_t>(i) * stride_; };
    const auto load = [&](int at_step, int a, float* to) {
        const std::int64_t knot = at_step / shape_.steps_per_knot;
        copy_lanes(actions.rows + (knot * action_size + a) * actions.stride + tile.first, worker.candidates, tile, to);
    };
    if (step_->previous_action >= 0) {
        for (int a = 0; a < action_size; ++a) {
            if (step == 0)
                std::fill_n(row(step_->previous_action, a), width, previous_action_[a]);
            else
                load(step - 1, a, row(step_->previous_action, a));
        }
    }
    if (step_->action >= 0 && step % shape_.steps_per_knot == 0)
        for (int a = 0; a < action_size; ++a) load(step, a, row(step_->action, a));
    step_->load_step(inputs_, step, lanes, 0, width);
    step_->load_noise(particles_, trajectory, step, lanes, width);
}

void Rollout::add_terminal_value(Worker& worker, int member, int width) {
    float* lanes = worker.terminal_lanes.data();
    const int at = terminal_->state;
    const float* state = worker.step_lanes.data() + step_->state;
    if (at >= 0)
        for (int i = 0; i < problem_->state_size; ++i)
            std::copy_n(state + static_cast<std::ptrdiff_t>(i) * stride_, width,
                        lanes + at + static_cast<std::ptrdiff_t>(i) * stride_);
    const Frame frame = terminal_->frame(member, lanes, width);
    terminal_->executor().run(frame);
    const float* value = lanes_of(frame, terminal_->executor().output("value")[0], worker.scratch.data());
    kernels().accumulate(worker.total.data(), worker.alive.data(), value, nullptr, discounts_[shape_.steps()], width);
}

/// The mean over trajectories, summed in their order.
void Rollout::save_states(const float* lanes, StateRows states, int step, int first, int width) const {
    const float share = 1.0f / static_cast<float>(trajectories());
    for (int i = 0; i < problem_->state_size; ++i) {
        float* to = states.rows + (std::int64_t{step} * problem_->state_size + i) * states.stride + first;
        kernels().add_scaled(to, lanes + static_cast<std::ptrdiff_t>(i) * stride_, share, width);
    }
}

}  // namespace mbrl
