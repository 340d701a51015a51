#include "planners/planner.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.hpp"
#include "core/denormals.hpp"
#include "planners/noise.hpp"

namespace mbrl {
namespace {

const PlannerSettings& valid(const PlannerSettings& settings) {
    settings.PlannerSettings::validate();
    return settings;
}

}  // namespace

Planner::Planner(const std::shared_ptr<const Problem>& problem, const PlannerSettings& settings, int population,
                 MemorySize remembers)
    : pool_(std::make_shared<ThreadPool>(valid(settings).threads)),
      rollout_(problem, settings.rollouts(population), pool_),
      limit_(*problem, settings.max_rate, settings.steps_per_knot * problem->dt),
      seed_(settings.seed),
      warm_start_(settings.warm_start),
      remembers_(remembers),
      lead_(problem),
      elements_(settings.horizon * problem->action_size) {
    const Problem& p = rollout_.problem();
    check(p.program("step").outputs.contains("reward"), "planning needs a reward: export the problem with one");
    constexpr std::int64_t most = 100000000;
    check(std::int64_t{settings.horizon} * p.action_size <= most, "horizon * action_size must be <= ", most, ", got ",
          std::int64_t{settings.horizon} * p.action_size);
    for (auto* values : {&low_, &high_, &mid_, &half_, &decision_.action_low, &decision_.action_high})
        values->resize(p.action_size);
    const InputValues none;
    set_bounds({.state = nullptr, .previous_action = nullptr, .inputs = none});
    const std::size_t states = static_cast<std::size_t>(rollout_.shape().steps() + 1) * p.state_size;
    one_ = AlignedFloats(static_cast<std::size_t>(elements_) * kLaneGroup);
    return_ = AlignedFloats(kLaneGroup);
    states_ = AlignedFloats(states * kLaneGroup);
    trajectories_ = AlignedFloats(static_cast<std::size_t>(rollout_.trajectories()) * kLaneGroup);
    best_.resize(elements_);
    fallback_.resize(elements_);
    committed_.resize(static_cast<std::size_t>(kMostDelay) * p.action_size);
    decision_.state.resize(p.state_size);
    decision_.previous_action.resize(p.action_size);
    decision_.committed.resize(committed_.size());
    for (const Input& input : p.inputs)
        decision_.inputs.emplace_back(static_cast<std::size_t>(input.size()) * (input.per_step ? rollout_.shape().steps() : 1));
    plan_.actions.resize(elements_);
    plan_.states.resize(states);
    plan_.returns.resize(rollout_.trajectories());
    reserve_streams(1);
    decision_.before = streams_[0];
}

const Plan& Planner::plan(const PlanRequest& request) {
    const FlushDenormals flush;
    Memory& memory = streams_[request.stream];
    set_bounds(request);
    record(memory, request);
    commit(memory, request);
    prepare(memory, request);
    const bool complete = look_ahead(memory, request) && search(memory, request);
    answer(memory, request, complete);
    memory.answer = plan_.actions;
    memory.committed = committed_;
    memory.delay = request.delay;
    memory.plans += 1;
    return plan_;
}

void Planner::reserve_candidates(int count) {
    check(count <= most_candidates(), "candidates must be at most ", most_candidates(),
          ", what the population holds besides the planner's own, got ", count);
    decision_.candidates.reserve(static_cast<std::size_t>(count) * elements_);
}

/// Those of the request where they are within the problem's. Whatever it says, there is room between them.
void Planner::set_bounds(const PlanRequest& request) {
    const Problem& p = problem();
    const auto within = [](float value, float low, float high) { return !(value > low) ? low : value > high ? high : value; };
    for (int a = 0; a < p.action_size; ++a) {
        const float low = p.action_low[a], high = p.action_high[a];
        low_[a] = request.action_low ? within(request.action_low[a], low, high) : low;
        high_[a] = request.action_high ? within(request.action_high[a], low_[a], high) : high;
        mid_[a] = 0.5f * low_[a] + 0.5f * high_[a];  // halves first: the sum may overflow
        half_[a] = 0.5f * high_[a] - 0.5f * low_[a];
    }
    limit_.within(low_, high_);
}

/// Limits, what to answer with when nothing better is found, and what the planner holds.
void Planner::prepare(Memory& memory, const PlanRequest& request) {
    const int action_size = problem().action_size, rows = committed_rows(request.delay);
    const double moved = std::max(request.elapsed + request.delay - memory.delay, 0.0);  // from where the last plan began
    const float* before = rows > 0 ? committed_.data() + (rows - 1) * action_size : request.previous_action;
    penalty_.begin(before);
    limit_.begin(before, (rows > 0 ? std::min(request.elapsed, 1.0) : request.elapsed) * problem().dt);
    if (memory.plans > 0) {
        fallback_ = memory.answer;
        shift(fallback_.data(), moved);
    } else {
        fill_middle(fallback_);
    }
    settle(fallback_.data());
    limit_.apply(fallback_.data(), 1, horizon(), 1);
    begin(memory, moved, warm_start_ && memory.plans > 0);
    best_return_ = -std::numeric_limits<float>::infinity();
    any_finite_ = false;
    plan_.tiles = plan_.model_steps = 0;
    plan_.has_gains = false;
}

/// Begins the rollouts where the plan begins. Returns whether there was time.
bool Planner::look_ahead(const Memory& memory, const PlanRequest& request) {
    if (request.max_tiles <= 0 || (request.deadline != kNoDeadline && now_ns() >= request.deadline)) return false;
    rollout_.take_weights();
    decision_.weights = rollout_.weights_version();
    begins_ = request.state;
    before_ = request.previous_action;
    if (request.delay > 0) {
        if (!lead_.run(request, committed_.data(), rollout_)) return false;
        begins_ = lead_.state();
        before_ = committed_.data() + (committed_rows(request.delay) - 1) * problem().action_size;
    }
    rollout_.start(begins_, before_, request.inputs, false);
    rollout_.draw_particles(noise_key(seed_, static_cast<std::uint32_t>(request.stream)), memory.plans);
    return true;
}

bool Planner::offer(float value, const float* actions, std::int64_t stride) {
    if (!std::isfinite(value) || !(value > best_return_)) return false;
    any_finite_ = true;
    best_return_ = value;
    for (int e = 0; e < elements_; ++e) best_[e] = actions[e * stride];
    return true;
}

float Planner::clip(float action, int element) const {
    const int a = element % problem().action_size;
    return std::clamp(action, low_[a], high_[a]);
}

void Planner::fill_middle(std::vector<float>& actions) const {
    for (std::size_t e = 0; e < actions.size(); ++e) actions[e] = mid_[e % mid_.size()];
}

/// Each new knot is the time average of what the old plan does then.
void Planner::shift(float* actions, double elapsed) const {
    const int action_size = problem().action_size, last = horizon() - 1;
    const double knots = elapsed / steps_per_knot();
    const int whole = static_cast<int>(std::min<double>(std::floor(knots), horizon()));
    const float part = static_cast<float>(knots - std::floor(knots));
    for (int h = 0; h <= last; ++h) {
        const float* before = actions + std::min(h + whole, last) * action_size;
        const float* after = actions + std::min(h + whole + 1, last) * action_size;
        // Reads lie at or after h: in place is safe.
        for (int a = 0; a < action_size; ++a) actions[h * action_size + a] = clip(before[a] + part * (after[a] - before[a]), a);
    }
}

/// Actions as one more candidate: their return, and the states that they lead to. Returns whether there was time.
bool Planner::evaluate(const std::vector<float>& actions, std::int64_t deadline) {
    for (int e = 0; e < elements_; ++e) std::fill_n(one_.data() + std::ptrdiff_t{e} * kLaneGroup, kLaneGroup, actions[e]);
    std::fill_n(states_.data(), states_.size(), 0.0f);
    const std::int64_t began = now_ns();
    Budget budget;
    budget.deadline = deadline;
    const Progress progress = rollout_.run({one_.data(), kLaneGroup}, 1, return_.data(), {states_.data(), kLaneGroup}, budget, {},
                                           {trajectories_.data(), kLaneGroup});
    plan_.model_steps += progress.model_steps;
    plan_.has_states = progress.complete;
    if (!progress.complete) return false;
    answer_time_ = now_ns() - began;
    plan_.value = return_[0];
    if (penalty_) penalty_.measure(actions.data(), 1, horizon(), 1, return_.data());
    const float cost = penalty_ ? return_[0] : 0.0f;
    plan_.value -= cost;
    for (std::size_t n = 0; n < plan_.returns.size(); ++n) plan_.returns[n] = trajectories_[n * kLaneGroup] - cost;
    for (std::size_t i = 0; i < plan_.states.size(); ++i) plan_.states[i] = states_[i * kLaneGroup];
    return true;
}

/// A finished plan answers as its settings say, and counts one more tile; one that was cut off with the best it has seen.
void Planner::answer(const Memory& memory, const PlanRequest& request, bool complete) {
    plan_.value = std::numeric_limits<float>::quiet_NaN();
    plan_.has_states = false;
    if (complete && plan_.tiles < request.max_tiles) {
        plan_.status = any_finite_ ? PlanStatus::ok : PlanStatus::no_finite_candidate;
        plan_.actions = any_finite_ ? chosen(memory) : fallback_;
        if (evaluate(plan_.actions, request.deadline)) {
            plan_.tiles += 1;
            return;
        }
    }
    if (any_finite_) {
        plan_.status = PlanStatus::deadline;
        plan_.actions = best_;
        evaluate(best_, request.deadline);
        plan_.value = best_return_;
        return;
    }
    plan_.actions = fallback_;
    plan_.status = plan_.tiles > 0 ? PlanStatus::no_finite_candidate : memory.plans > 0 ? PlanStatus::shifted : PlanStatus::safe;
}

}  // namespace mbrl
