#include "problem/rollout.hpp"

#include <algorithm>
#include <limits>

#include "core/check.hpp"
#include "core/denormals.hpp"
#include "kernels/dispatch.hpp"

namespace mbrl {
namespace {

/// Live rows of a tile should stay in the first-level cache beside the weights.
constexpr int kTileBytes = 24 * 1024;
constexpr int kMaxTileLanes = 64;

int tile_lanes(const Program& program) {
    const Executor probe(program, kLaneGroup);
    const int rows = std::max<int>(1, static_cast<int>(probe.lane_floats() / kLaneGroup));
    const int fitting = kTileBytes / static_cast<int>(sizeof(float)) / rows / kLaneGroup * kLaneGroup;
    return std::clamp(fitting, kLaneGroup, kMaxTileLanes);
}

/// Pointer to the operand's lanes; what is the same for all lanes is spread into `scratch`.
const float* lanes_of(const Frame& frame, Operand operand, float* scratch) {
    if (operand.advance) return frame.lanes + operand.offset;
    read_operand(frame, operand, scratch, frame.width);
    return scratch;
}

}  // namespace

Rollout::Rollout(std::shared_ptr<const Problem> problem, RolloutShape shape, std::shared_ptr<ThreadPool> pool)
    : problem_(std::move(problem)), shape_(shape), pool_(std::move(pool)) {
    check(shape_.population >= 1, "population must be >= 1, got ", shape_.population);
    check(shape_.horizon >= 1, "horizon must be >= 1, got ", shape_.horizon);
    check(shape_.steps_per_knot >= 1, "steps_per_knot must be >= 1, got ", shape_.steps_per_knot);
    const Program& step = problem_->program("step");
    const int lanes = kernels().lanes;
    vectors_ = round_up(shape_.population, lanes) / lanes;
    padded_ = round_up(shape_.population, kLaneGroup);
    stride_ = std::min(tile_lanes(step), padded_);
    step_ = std::make_unique<Executor>(step, stride_);
    step_uniforms_ = AlignedFloats(step_->uniform_floats() * problem_->members);
    if (const Program* terminal = problem_->find_program("terminal_value")) {
        terminal_ = std::make_unique<Executor>(*terminal, stride_);
        terminal_uniforms_ = AlignedFloats(terminal_->uniform_floats() * problem_->members);
    }
    next_state_ = step_->output("next_state");
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
    state_.resize(problem_->state_size);
    previous_action_.resize(problem_->action_size);
    for (int thread = 0; thread < pool_->threads(); ++thread) {
        Worker& worker = workers_.emplace_back();
        worker.step_lanes = AlignedFloats(step_->lane_floats());
        if (terminal_) worker.terminal_lanes = AlignedFloats(terminal_->lane_floats());
        worker.total = AlignedFloats(stride_);
        worker.alive = AlignedFloats(stride_);
        worker.sum = AlignedFloats(stride_);
        worker.next = AlignedFloats(static_cast<std::size_t>(stride_) * std::max(1, problem_->state_size));
    }
}

void Rollout::start(const float* state, const float* previous_action, const InputValues& inputs) {
    const FlushDenormals flush;
    start_rows_ = {nullptr, 0};
    std::copy_n(state, state_.size(), state_.begin());
    std::copy_n(previous_action, previous_action_.size(), previous_action_.begin());
    for (std::size_t i = 0; i < inputs.size(); ++i) std::copy_n(inputs[i], input_values_[i].size(), input_values_[i].begin());
    for (const auto& [executor, uniforms] : {std::pair{step_.get(), &step_uniforms_}, {terminal_.get(), &terminal_uniforms_}}) {
        if (!executor) continue;
        for (int member = 0; member < problem_->members; ++member) {
            const int weights = std::min(member, executor->program().members - 1);
            float* block = uniforms->data() + executor->uniform_floats() * member;
            executor->write_constants(weights, block);
            for (std::size_t i = 0; i < inputs.size(); ++i)
                executor->write_uniform(problem_->inputs[i].name, input_values_[i].data(), block);
            executor->run_prologue(weights, block);
        }
    }
}

void Rollout::run(ActionRows actions, int count, float* returns, StateRows states) {
    const int lanes = kernels().lanes;
    const int vectors = std::min(round_up(count, lanes) / lanes, vectors_);
    // Tiles differ by at most one vector, so that threads share the work and the last tile is no stub.
    const int fewest = (vectors * lanes + stride_ - 1) / stride_;
    const int tiles = std::max(fewest, std::min(pool_->threads(), vectors));
    pool_->for_each(tiles, [&](int tile, int thread) {
        const FlushDenormals flush;
        const int first = static_cast<int>(std::int64_t{vectors} * tile / tiles) * lanes;
        const int last = static_cast<int>(std::int64_t{vectors} * (tile + 1) / tiles) * lanes;
        run_tile(workers_[thread], actions, first, last - first, returns, states);
    });
}

void Rollout::run_tile(Worker& worker, ActionRows actions, int first, int width, float* returns, StateRows states) {
    std::fill_n(worker.sum.data(), width, 0.0f);
    for (int member = 0; member < problem_->members; ++member) {
        run_member(worker, member, actions, first, width, states);
        for (int lane = 0; lane < width; ++lane) worker.sum[lane] += worker.total[lane];
    }
    const float share = 1.0f / static_cast<float>(problem_->members);
    for (int lane = 0; lane < width; ++lane)
        returns[first + lane] = has_reward_ ? worker.sum[lane] * share : std::numeric_limits<float>::quiet_NaN();
}

void Rollout::run_member(Worker& worker, int member, ActionRows actions, int first, int width, StateRows states) {
    const KernelTable& table = kernels();
    const int state_size = problem_->state_size;
    const int weights = std::min(member, step_->program().members - 1);
    float* lanes = worker.step_lanes.data();
    float* state = lanes + state_at_;
    const Frame frame = step_->frame(weights, step_uniforms_.data() + step_->uniform_floats() * member, lanes, width);
    std::fill_n(worker.total.data(), width, 0.0f);
    std::fill_n(worker.alive.data(), width, 1.0f);
    for (int i = 0; i < state_size; ++i) {
        float* row = state + static_cast<std::ptrdiff_t>(i) * stride_;
        if (start_rows_.rows)
            std::copy_n(start_rows_.rows + i * start_rows_.stride + first, width, row);
        else
            std::fill_n(row, width, state_[i]);
    }
    if (states.rows) save_states(state, states, 0, first, width);
    for (int t = 0; t < shape_.steps(); ++t) {
        load_arguments(worker, actions, first, width, t);
        step_->run(frame);
        // Through a buffer: a next state may be a state row itself, or another one.
        float* next = worker.next.data();
        const float* reward = has_reward_ ? lanes_of(frame, reward_, next) : nullptr;
        table.accumulate(worker.total.data(), worker.alive.data(), reward, nullptr, discounts_[t], width);
        if (ends_) table.accumulate(worker.total.data(), worker.alive.data(), nullptr, lanes_of(frame, ended_, next), 0, width);
        for (int i = 0; i < state_size; ++i)
            read_operand(frame, next_state_[i], next + static_cast<std::ptrdiff_t>(i) * stride_, width);
        for (int i = 0; i < state_size; ++i)
            std::copy_n(next + static_cast<std::ptrdiff_t>(i) * stride_, width, state + static_cast<std::ptrdiff_t>(i) * stride_);
        if (states.rows) save_states(state, states, t + 1, first, width);
    }
    if (terminal_) add_terminal_value(worker, member, width);
}

/// Actions are held for a knot; time and per-step inputs change every step.
void Rollout::load_arguments(Worker& worker, ActionRows actions, int first, int width, int step) {
    float* lanes = worker.step_lanes.data();
    const int action_size = problem_->action_size;
    const auto row = [&](int at, int i) { return lanes + at + static_cast<std::ptrdiff_t>(i) * stride_; };
    if (previous_at_ >= 0) {
        for (int a = 0; a < action_size; ++a) {
            if (step == 0)
                std::fill_n(row(previous_at_, a), width, previous_action_[a]);
            else
                std::copy_n(
                    actions.rows + (std::int64_t{(step - 1) / shape_.steps_per_knot} * action_size + a) * actions.stride + first,
                    width, row(previous_at_, a));
        }
    }
    if (action_at_ >= 0 && step % shape_.steps_per_knot == 0) {
        const int knot = step / shape_.steps_per_knot;
        for (int a = 0; a < action_size; ++a)
            std::copy_n(actions.rows + (std::int64_t{knot} * action_size + a) * actions.stride + first, width, row(action_at_, a));
    }
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
    const float* value = lanes_of(frame, terminal_->output("value")[0], worker.next.data());
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
