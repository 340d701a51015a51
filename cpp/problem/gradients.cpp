#include "problem/gradients.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "core/denormals.hpp"
#include "kernels/dispatch.hpp"

namespace mbrl {
namespace {

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

/// rows ← where alive: values, else 0
void masked(const Frame& frame, const std::vector<Operand>& values, float* alive, float* rows, float* scratch) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        float* row = rows + static_cast<std::ptrdiff_t>(i) * frame.stride;
        std::fill_n(row, frame.width, 0.0f);
        kernels().accumulate(row, alive, lanes_of(frame, values[i], scratch), nullptr, 1, frame.width);
    }
}

}  // namespace

const DerivedProgram& adjoint_of(const Problem& problem, const std::string& program, const std::vector<std::string>& outputs,
                                 const std::vector<std::string>& arguments) {
    const std::string name = "gradient of " + joined(outputs) + " of " + program + " by " + joined(arguments);
    return problem.derived(name, [&] { return adjoint(problem.program(program), {name, outputs, arguments}); });
}

RolloutGradient::RolloutGradient(std::shared_ptr<const Problem> problem, RolloutShape shape, std::shared_ptr<ThreadPool> pool)
    : problem_(std::move(problem)),
      shape_(shape),
      pool_(std::move(pool)),
      particles_(*problem_, shape.particles, shape.propagation, std::max(shape.steps(), 1)),
      inputs_(*problem_, std::max(shape.steps(), 1)) {
    check(shape_.population >= 1, "population must be >= 1, got ", shape_.population);
    check(shape_.horizon >= 1, "horizon must be >= 1, got ", shape_.horizon);
    check(shape_.steps_per_knot >= 1, "steps_per_knot must be >= 1, got ", shape_.steps_per_knot);
    const Program& step = problem_->program("step");
    check(step.outputs.contains("reward"), "gradients need a reward: export the problem with one");
    const Program& back = adjoint_of(*problem_, "step", {"next_state", "reward"}, {"state", "action", "previous_action"}).program();
    padded_ = round_up(shape_.population, kLaneGroup);
    stride_ = std::min(tile_lanes(back), padded_);
    step_ = std::make_unique<PlacedProgram>(*problem_, step, stride_);
    step_back_ = std::make_unique<PlacedProgram>(*problem_, back, stride_);
    step_->executor().set_feedback("next_state", "state");
    if (const Program* terminal = problem_->find_program("terminal_value")) {
        terminal_ = std::make_unique<PlacedProgram>(*problem_, *terminal, stride_);
        terminal_back_ = std::make_unique<PlacedProgram>(
            *problem_, adjoint_of(*problem_, "terminal_value", {"value"}, {"state"}).program(), stride_);
    }
    find_rows();
    double factor = 1;
    for (int t = 0; t <= shape_.steps(); ++t, factor *= shape_.discount) discounts_.push_back(static_cast<float>(factor));
    state_.resize(problem_->state_size);
    previous_action_.resize(problem_->action_size);
    const std::size_t lanes = stride_, steps = shape_.steps() + 1, size = problem_->state_size;
    for (int thread = 0; thread < pool_->threads(); ++thread) {
        Worker& worker = workers_.emplace_back();
        worker.step = AlignedFloats(step_->executor().lane_floats());
        worker.step_back = AlignedFloats(step_back_->executor().lane_floats());
        if (terminal_) worker.terminal = AlignedFloats(terminal_->executor().lane_floats());
        if (terminal_) worker.terminal_back = AlignedFloats(terminal_back_->executor().lane_floats());
        worker.states = AlignedFloats(steps * size * lanes);
        worker.alive = AlignedFloats(steps * lanes);
        worker.lambda = AlignedFloats(size * lanes);
        for (AlignedFloats* row : {&worker.total, &worker.sum, &worker.scratch}) *row = AlignedFloats(lanes);
    }
    finished_.resize(Tiling(shape_.population, stride_, pool_->threads()).tiles());
    first_weights_ = weights_ = problem_->weights_with_derived(&version_);
    use_weights();
}

/// By their names, once.
void RolloutGradient::find_rows() {
    const Executor &there = step_->executor(), &back = step_back_->executor();
    reward_ = there.output("reward")[0];
    ends_ = !there.output("termination").empty();
    if (ends_) ended_ = there.output("termination")[0];
    by_next_state_ = back.argument_offset(cotangent_of("next_state"));
    by_reward_ = back.argument_offset(cotangent_of("reward"));
    to_state_ = back.output(gradient_of("state"));
    to_action_ = back.output(gradient_of("action"));
    to_previous_ = back.output(gradient_of("previous_action"));
    if (!terminal_) return;
    value_ = terminal_->executor().output("value")[0];
    by_value_ = terminal_back_->executor().argument_offset(cotangent_of("value"));
    terminal_to_state_ = terminal_back_->executor().output(gradient_of("state"));
}

void RolloutGradient::use_weights() {
    for (PlacedProgram* program : {step_.get(), step_back_.get(), terminal_.get(), terminal_back_.get()})
        if (program) program->use(weights_.get());
    prepared_ = false;
}

void RolloutGradient::take_weights() {
    if (problem_->weights.take(version_, weights_)) use_weights();
}

void RolloutGradient::share_weights(const Rollout& other) {
    if (version_ == other.weights_version()) return;
    weights_ = other.weights();
    version_ = other.weights_version();
    use_weights();
}

void RolloutGradient::start(const float* state, const float* previous_action, const InputValues& inputs, bool take_newer) {
    if (take_newer) take_weights();
    start_rows_ = {nullptr, 0};
    std::copy_n(state, state_.size(), state_.begin());
    for (std::size_t a = 0; a < previous_action_.size(); ++a) previous_action_[a] = previous_action ? previous_action[a] : 0.0f;
    if (!inputs_.load(inputs) && prepared_) return;
    for (PlacedProgram* program : {step_.get(), step_back_.get(), terminal_.get(), terminal_back_.get()})
        if (program) program->prepare(inputs_);
    prepared_ = true;
}

Progress RolloutGradient::run(ActionRows actions, int count, float* returns, GradientRows gradients, const Budget& budget) {
    const Job job{actions, count, returns, gradients, budget};
    const Tiling tiling(count, stride_, pool_->threads());
    const int tiles = tiling.tiles();
    for (Worker& worker : workers_) {
        worker.model_steps = 0;
        worker.clock = {};
    }
    std::fill_n(finished_.begin(), tiles, 0);
    const int allowed = static_cast<int>(std::clamp<std::int64_t>(budget.max_tiles, 0, tiles));
    pool_->for_each(allowed, [&](int tile, int thread) {
        const FlushDenormals flush;
        finished_[tile] = run_tile(workers_[thread], job, tiling.begin(tile), tiling.begin(tile + 1) - tiling.begin(tile));
    });
    Progress progress;
    while (progress.tiles < tiles && finished_[progress.tiles]) ++progress.tiles;
    progress.complete = progress.tiles == tiles;
    progress.candidates = std::min(tiling.begin(progress.tiles), count);
    for (const Worker& worker : workers_) progress.model_steps += worker.model_steps;
    return progress;
}

/// Every trajectory in turn, there and back.
bool RolloutGradient::run_tile(Worker& worker, const Job& job, int first, int width) {
    std::fill_n(worker.sum.data(), width, 0.0f);
    for (int row = 0; row < shape_.horizon * problem_->action_size; ++row)
        std::fill_n(job.gradients.rows + row * job.gradients.stride + first, width, 0.0f);
    for (int trajectory = 0; trajectory < particles_.count(); ++trajectory) {
        if (!forward(worker, job, trajectory, first, width) || !backward(worker, job, trajectory, first, width)) return false;
        for (int lane = 0; lane < width; ++lane) worker.sum[lane] += worker.total[lane];
    }
    const float share = 1.0f / static_cast<float>(particles_.count());
    const int live = std::min(width, job.count - first);
    for (int lane = 0; lane < live; ++lane) job.returns[first + lane] = worker.sum[lane] * share;
    return true;
}

float* RolloutGradient::state(Worker& worker, int step) const {
    return worker.states.data() + static_cast<std::ptrdiff_t>(step) * problem_->state_size * stride_;
}

bool RolloutGradient::forward(Worker& worker, const Job& job, int trajectory, int first, int width) {
    const KernelTable& table = kernels();
    const Executor& executor = step_->executor();
    float *lanes = worker.step.data(), *scratch = worker.scratch.data();
    const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(problem_->state_size) * stride_;
    std::fill_n(worker.total.data(), width, 0.0f);
    std::fill_n(worker.alive.data(), width, 1.0f);
    load_state(worker, first, width);
    for (int t = 0; t < shape_.steps(); ++t) {
        if (worker.clock.out_of_time(job.budget.deadline)) return false;
        float *alive = worker.alive.data() + static_cast<std::ptrdiff_t>(t) * stride_, *after = alive + stride_;
        const Frame frame = step_->frame(particles_.member(trajectory, t), lanes, width);
        load_step(*step_, lanes, job, trajectory, t, first, width);
        executor.run(frame);
        worker.model_steps += std::min(width, job.count - first);
        table.accumulate(worker.total.data(), alive, lanes_of(frame, reward_, scratch), nullptr, discounts_[t], width);
        std::copy_n(alive, width, after);
        if (ends_) table.accumulate(worker.total.data(), after, nullptr, lanes_of(frame, ended_, scratch), 0, width);
        executor.feed_back(frame);
        std::copy_n(lanes + step_->state, size, state(worker, t + 1));
    }
    if (terminal_) add_terminal(worker, particles_.member(trajectory, shape_.steps() - 1), width);
    return true;
}

void RolloutGradient::load_state(Worker& worker, int first, int width) const {
    for (int i = 0; i < problem_->state_size; ++i) {
        float* row = worker.step.data() + step_->state + static_cast<std::ptrdiff_t>(i) * stride_;
        if (start_rows_.rows)
            std::copy_n(start_rows_.rows + i * start_rows_.stride + first, width, row);
        else
            std::fill_n(row, width, state_[i]);
        std::copy_n(row, width, state(worker, 0) + static_cast<std::ptrdiff_t>(i) * stride_);
    }
}

/// Actions, held for a knot, and what changes every step.
void RolloutGradient::load_step(const PlacedProgram& program, float* lanes, const Job& job, int trajectory, int step, int first,
                                int width) const {
    const int action_size = problem_->action_size;
    const auto load = [&](int at_step, int a, float* to) {
        const std::int64_t knot = at_step / shape_.steps_per_knot;
        std::copy_n(job.actions.rows + (knot * action_size + a) * job.actions.stride + first, width, to);
    };
    for (int a = 0; a < action_size; ++a) {
        const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(a) * stride_;
        if (program.action >= 0) load(step, a, lanes + program.action + row);
        if (program.previous_action < 0) continue;
        float* previous = lanes + program.previous_action + row;
        step == 0 ? std::fill_n(previous, width, previous_action_[a]), void() : load(step - 1, a, previous);
    }
    program.load_step(inputs_, step, lanes, 0, width);
    program.load_noise(particles_, trajectory, step, lanes, width);
}

void RolloutGradient::add_terminal(Worker& worker, int member, int width) {
    const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(problem_->state_size) * stride_;
    float* lanes = worker.terminal.data();
    if (terminal_->state >= 0) std::copy_n(state(worker, shape_.steps()), size, lanes + terminal_->state);
    const Frame frame = terminal_->frame(member, lanes, width);
    terminal_->executor().run(frame);
    const float* value = lanes_of(frame, value_, worker.scratch.data());
    float* alive = worker.alive.data() + static_cast<std::ptrdiff_t>(shape_.steps()) * stride_;
    kernels().accumulate(worker.total.data(), alive, value, nullptr, discounts_[shape_.steps()], width);
}

/// What the return gains by the last state.
void RolloutGradient::terminal_lambda(Worker& worker, int member, int width) {
    const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(problem_->state_size) * stride_;
    std::fill_n(worker.lambda.data(), size, 0.0f);
    if (!terminal_back_ || terminal_back_->state < 0) return;
    const Executor& executor = terminal_back_->executor();
    float *lanes = worker.terminal_back.data(),
          *alive = worker.alive.data() + static_cast<std::ptrdiff_t>(shape_.steps()) * stride_;
    std::copy_n(state(worker, shape_.steps()), size, lanes + terminal_back_->state);
    std::fill_n(lanes + by_value_, width, discounts_[shape_.steps()]);
    const Frame frame = terminal_back_->frame(member, lanes, width);
    executor.run(frame);
    masked(frame, terminal_to_state_, alive, worker.lambda.data(), worker.scratch.data());
}

bool RolloutGradient::backward(Worker& worker, const Job& job, int trajectory, int first, int width) {
    const Executor& executor = step_back_->executor();
    float* lanes = worker.step_back.data();
    const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(problem_->state_size) * stride_;
    terminal_lambda(worker, particles_.member(trajectory, shape_.steps() - 1), width);
    for (int t = shape_.steps() - 1; t >= 0; --t) {
        if (worker.clock.out_of_time(job.budget.deadline)) return false;
        const Frame frame = step_back_->frame(particles_.member(trajectory, t), lanes, width);
        std::copy_n(state(worker, t), size, lanes + step_back_->state);
        load_step(*step_back_, lanes, job, trajectory, t, first, width);
        std::copy_n(worker.lambda.data(), size, lanes + by_next_state_);
        std::fill_n(lanes + by_reward_, width, discounts_[t]);
        executor.run(frame);
        step_back(worker, job, frame, t, first);
    }
    return true;
}

/// Takes the gradients of one step: those who had ended before it have none.
void RolloutGradient::step_back(Worker& worker, const Job& job, const Frame& frame, int step, int first) {
    const float share = 1.0f / static_cast<float>(particles_.count());
    float *alive = worker.alive.data() + static_cast<std::ptrdiff_t>(step) * stride_, *scratch = worker.scratch.data();
    const auto add = [&](const std::vector<Operand>& values, int at_step) {
        const std::int64_t knot = at_step / shape_.steps_per_knot;
        for (std::size_t a = 0; a < values.size(); ++a) {
            float* to =
                job.gradients.rows + (knot * problem_->action_size + static_cast<std::int64_t>(a)) * job.gradients.stride + first;
            kernels().accumulate(to, alive, lanes_of(frame, values[a], scratch), nullptr, share, frame.width);
        }
    };
    add(to_action_, step);
    if (step > 0) add(to_previous_, step - 1);
    masked(frame, to_state_, alive, worker.lambda.data(), scratch);
}

}  // namespace mbrl
