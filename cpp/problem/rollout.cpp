#include "problem/rollout.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>

#include "core/check.hpp"
#include "core/denormals.hpp"
#include "kernels/dispatch.hpp"

namespace mbrl {
namespace {

/// Lanes of a tile: enough to spread the cost of starting an operation, few enough that the live rows of a tile stay in
/// the first-level cache. Matrix products need two vectors; chains of cheap operations gain from many.
constexpr int kTileBytes = 48 * 1024;
constexpr int kLeastTileLanes = 32;
constexpr int kMostTileLanes = 128;
/// A tile is cut at multiples of this, so that the cut does not depend on shorter vectors.
constexpr int kTileGrain = 8;

/// One row of a tile's candidates into lanes; what lies behind the live ones is theirs who went.
template <class Tile>
void copy_lanes(const float* from, const std::vector<int>& candidates, const Tile& tile, float* to) {
    if (!tile.packed)
        std::copy_n(from, tile.width, to);
    else
        for (int lane = 0; lane < tile.live; ++lane) to[lane] = from[candidates[lane]];
}

}  // namespace

int tile_lanes(const Program& program) {
    const Executor probe(program, kLaneGroup);
    const int rows = std::max<int>(1, static_cast<int>(probe.lane_floats() / kLaneGroup));
    const int fitting = kTileBytes / static_cast<int>(sizeof(float)) / rows / kLaneGroup * kLaneGroup;
    return std::clamp(fitting, kLeastTileLanes, kMostTileLanes);
}

const float* lanes_of(const Frame& frame, Operand operand, float* scratch) {
    if (operand.advance) return frame.lanes + operand.offset;
    read_operand(frame, operand, scratch, frame.width);
    return scratch;
}

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Rollout::Rollout(std::shared_ptr<const Problem> problem, RolloutShape shape, std::shared_ptr<ThreadPool> pool)
    : problem_(std::move(problem)), shape_(shape), pool_(std::move(pool)) {
    check(shape_.population >= 1, "population must be >= 1, got ", shape_.population);
    check(shape_.horizon >= 1, "horizon must be >= 1, got ", shape_.horizon);
    check(shape_.steps_per_knot >= 1, "steps_per_knot must be >= 1, got ", shape_.steps_per_knot);
    const Program& step = problem_->program("step");
    padded_ = round_up(shape_.population, kLaneGroup);
    stride_ = std::min(tile_lanes(step), padded_);
    step_ = std::make_unique<Executor>(step, stride_);
    step_uniforms_ = AlignedFloats(step_->uniform_floats() * problem_->members);
    if (const Program* terminal = problem_->find_program("terminal_value")) {
        terminal_ = std::make_unique<Executor>(*terminal, stride_);
        terminal_uniforms_ = AlignedFloats(terminal_->uniform_floats() * problem_->members);
    }
    step_->set_feedback("next_state", "state");
    has_reward_ = !step_->output("reward").empty();
    ends_ = !step_->output("termination").empty();
    if (has_reward_) reward_ = step_->output("reward")[0];
    if (ends_) ended_ = step_->output("termination")[0];
    state_at_ = step_->argument_offset("state");
    action_at_ = step_->argument_offset("action");
    previous_at_ = step_->argument_offset("previous_action");
    time_at_ = step_->argument_offset("time");
    for (const auto& input : problem_->inputs) {
        input_at_.push_back(input.per_step ? step_->argument_offset(input.name) : -1);
        input_values_.emplace_back(static_cast<std::size_t>(input.size()) * (input.per_step ? shape_.steps() : 1));
    }
    double factor = 1;
    for (int t = 0; t <= shape_.steps(); ++t, factor *= shape_.discount) discounts_.push_back(static_cast<float>(factor));
    bound_rewards();
    outcomes_.resize(tiles(shape_.population));
    state_.resize(problem_->state_size);
    previous_action_.resize(problem_->action_size);
    for (int thread = 0; thread < pool_->threads(); ++thread) {
        Worker& worker = workers_.emplace_back();
        worker.step_lanes = AlignedFloats(step_->lane_floats());
        if (terminal_) worker.terminal_lanes = AlignedFloats(terminal_->lane_floats());
        worker.total = AlignedFloats(stride_);
        worker.alive = AlignedFloats(stride_);
        worker.sum = AlignedFloats(stride_);
        worker.scratch = AlignedFloats(stride_);
        worker.candidates.resize(stride_);
        worker.kept.resize(stride_);
        worker.best.reserve(shape_.population);
    }
    weights_ = problem_->weights.newest(&version_);
    if (weights_) use_weights();
}

int Rollout::grain() { return std::max(kTileGrain, static_cast<int>(kernels().lanes)); }

/// Tiles differ by at most one grain, and every thread gets as many as the others.
int Rollout::tiles(int count) const {
    const int grains = round_up(count, grain()) / grain();
    const int fewest = (grains * grain() + stride_ - 1) / stride_;
    return std::min(grains, round_up(fewest, pool_->threads()));
}

Progress Rollout::run(ActionRows actions, int count, float* returns, StateRows states, const Budget& budget, Prepare prepare) {
    const Job job{actions, count, returns, states, budget, prepare};
    const int tiles = this->tiles(count), grains = round_up(count, grain()) / grain();
    // Two vectors at a time make the best of the multipliers: tiles of many grains are cut at whole pairs.
    const int unit = grains >= 4 * tiles ? kLaneGroup : grain(), end = grains * grain(), units = round_up(end, unit) / unit;
    const auto begin = [&](int tile) { return std::min(static_cast<int>(std::int64_t{units} * tile / tiles) * unit, end); };
    for (Worker& worker : workers_) {
        worker.best.clear();
        worker.model_steps = worker.last_step = 0;
    }
    const int allowed = static_cast<int>(std::clamp<std::int64_t>(budget.max_tiles, 0, tiles));
    std::fill_n(outcomes_.begin(), tiles, Outcome::cut);
    pool_->for_each(allowed, [&](int tile, int thread) {
        const FlushDenormals flush;
        outcomes_[tile] = run_tile(workers_[thread], job, begin(tile), begin(tile + 1) - begin(tile));
    });
    Progress progress;
    while (progress.tiles < tiles && outcomes_[progress.tiles] != Outcome::cut) ++progress.tiles;
    progress.complete = progress.tiles == tiles;
    progress.candidates = std::min(begin(progress.tiles), count);
    for (const Worker& worker : workers_) progress.model_steps += worker.model_steps;
    return progress;
}

/// Rolls a tile out under every member in turn, whose weights stay in the cache for the whole horizon.
Rollout::Outcome Rollout::run_tile(Worker& worker, const Job& job, int first, int width) {
    if (job.budget.deadline != kNoDeadline && now_ns() >= job.budget.deadline) return Outcome::cut;
    if (job.prepare.call) job.prepare.call(job.prepare.context, first, width);
    Tile tile{first, width, std::min(width, job.count - first)};
    std::iota(worker.candidates.begin(), worker.candidates.begin() + width, 0);
    std::fill_n(worker.sum.data(), width, 0.0f);
    std::fill_n(job.returns + first, width, -std::numeric_limits<float>::infinity());
    for (int member = 0; member < problem_->members; ++member) {
        const Outcome outcome = run_member(worker, job, member, tile);
        if (outcome != Outcome::done) return outcome;
        for (int lane = 0; lane < tile.width; ++lane) worker.sum[lane] += worker.total[lane];
    }
    const float share = 1.0f / static_cast<float>(problem_->members);
    for (int lane = 0; lane < tile.live; ++lane)
        job.returns[first + worker.candidates[lane]] =
            has_reward_ ? worker.sum[lane] * share : std::numeric_limits<float>::quiet_NaN();
    if (job.budget.keep > 0) remember(worker, job, first, width);
    return Outcome::done;
}

Rollout::Outcome Rollout::run_member(Worker& worker, const Job& job, int member, Tile& tile) {
    const KernelTable& table = kernels();
    const int weights = std::min(member, step_->program().members - 1);
    float* lanes = worker.step_lanes.data();
    float* state = lanes + state_at_;
    Frame frame = step_->frame(weights, step_uniforms_.data() + step_->uniform_floats() * member, lanes, tile.width);
    std::fill_n(worker.total.data(), tile.width, 0.0f);
    std::fill_n(worker.alive.data(), tile.width, 1.0f);
    start_state(worker, state, tile);
    if (job.states.rows) save_states(state, job.states, 0, tile.first, tile.width);
    std::int64_t step_began = 0;
    const int steps = job.budget.steps > 0 ? job.budget.steps : shape_.steps();
    for (int t = 0; t < steps; ++t) {
        if (job.budget.deadline != kNoDeadline && out_of_time(worker, job.budget.deadline, step_began)) return Outcome::cut;
        load_arguments(worker, job.actions, tile, t);
        step_->run(frame);
        worker.model_steps += tile.live;
        float* scratch = worker.scratch.data();
        const float* reward = has_reward_ ? lanes_of(frame, reward_, scratch) : nullptr;
        table.accumulate(worker.total.data(), worker.alive.data(), reward, nullptr, discounts_[t], tile.width);
        if (ends_)
            table.accumulate(worker.total.data(), worker.alive.data(), nullptr, lanes_of(frame, ended_, scratch), 0, tile.width);
        step_->feed_back(frame);
        if (job.states.rows) save_states(state, job.states, t + 1, tile.first, tile.width);
        if (!may_prune(job, worker, member, t + 1)) continue;
        if (prune(worker, member, t + 1, tile) == Outcome::pruned) return Outcome::pruned;
        frame.width = tile.width;
    }
    if (terminal_ && steps == shape_.steps()) add_terminal_value(worker, member, tile.width);
    return Outcome::done;
}

/// Whether the next model step, if it takes as long as the last one, would end after the deadline.
bool Rollout::out_of_time(Worker& worker, std::int64_t deadline, std::int64_t& step_began) const {
    const std::int64_t now = now_ns();
    if (step_began != 0) worker.last_step = now - step_began;
    step_began = now;
    return now + worker.last_step >= deadline;
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

/// Actions are held for a knot; time and per-step inputs change every step.
void Rollout::load_arguments(Worker& worker, ActionRows actions, const Tile& tile, int step) {
    float* lanes = worker.step_lanes.data();
    const int action_size = problem_->action_size, width = tile.width;
    const auto row = [&](int at, int i) { return lanes + at + static_cast<std::ptrdiff_t>(i) * stride_; };
    const auto load = [&](int at_step, int a, float* to) {
        const std::int64_t knot = at_step / shape_.steps_per_knot;
        copy_lanes(actions.rows + (knot * action_size + a) * actions.stride + tile.first, worker.candidates, tile, to);
    };
    if (previous_at_ >= 0) {
        for (int a = 0; a < action_size; ++a) {
            if (step == 0)
                std::fill_n(row(previous_at_, a), width, previous_action_[a]);
            else
                load(step - 1, a, row(previous_at_, a));
        }
    }
    if (action_at_ >= 0 && step % shape_.steps_per_knot == 0)
        for (int a = 0; a < action_size; ++a) load(step, a, row(action_at_, a));
    if (time_at_ >= 0) std::fill_n(row(time_at_, 0), width, static_cast<float>(step * problem_->dt));
    for (std::size_t k = 0; k < input_at_.size(); ++k) {
        if (input_at_[k] < 0) continue;
        const int size = problem_->inputs[k].size();
        for (int i = 0; i < size; ++i)
            std::fill_n(row(input_at_[k], i), width, input_values_[k][static_cast<std::size_t>(step) * size + i]);
    }
}

void Rollout::add_terminal_value(Worker& worker, int member, int width) {
    float* lanes = worker.terminal_lanes.data();
    const int at = terminal_->argument_offset("state");
    const float* state = worker.step_lanes.data() + state_at_;
    if (at >= 0)
        for (int i = 0; i < problem_->state_size; ++i)
            std::copy_n(state + static_cast<std::ptrdiff_t>(i) * stride_, width,
                        lanes + at + static_cast<std::ptrdiff_t>(i) * stride_);
    const int weights = std::min(member, terminal_->program().members - 1);
    const Frame frame = terminal_->frame(weights, terminal_uniforms_.data() + terminal_->uniform_floats() * member, lanes, width);
    terminal_->run(frame);
    const float* value = lanes_of(frame, terminal_->output("value")[0], worker.scratch.data());
    kernels().accumulate(worker.total.data(), worker.alive.data(), value, nullptr, discounts_[shape_.steps()], width);
}

/// The mean over members, summed in the order of members.
void Rollout::save_states(const float* lanes, StateRows states, int step, int first, int width) const {
    const float share = 1.0f / static_cast<float>(problem_->members);
    for (int i = 0; i < problem_->state_size; ++i) {
        float* to = states.rows + (std::int64_t{step} * problem_->state_size + i) * states.stride + first;
        kernels().add_scaled(to, lanes + static_cast<std::ptrdiff_t>(i) * stride_, share, width);
    }
}

}  // namespace mbrl
