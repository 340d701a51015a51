#include "controller/controller.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/check.hpp"

namespace mbrl {
namespace {

std::int64_t nanoseconds(double seconds) { return static_cast<std::int64_t>(std::llround(seconds * 1e9)); }

/// How far apart two times are. A time from another clock is far in the past or in the future: both are old.
std::int64_t distance(std::int64_t a, std::int64_t b) {
    std::int64_t difference;
    if (__builtin_sub_overflow(std::max(a, b), std::min(a, b), &difference)) return std::numeric_limits<std::int64_t>::max();
    return difference;
}

bool all_finite(const float* values, std::size_t count) {
    return std::all_of(values, values + count, [](float value) { return std::isfinite(value); });
}

void check_seconds(double value, const char* name, double least) {
    check(value >= least && value <= 1e6, name, " must be in ", least, "..1e6 seconds, got ", value);
}

/// Checked first of all: everything else is sized by the settings.
ControllerSettings checked(ControllerSettings settings, const Problem& problem) {
    settings.validate(problem);
    if (settings.safe_action.empty())
        for (int a = 0; a < problem.action_size; ++a)
            settings.safe_action.push_back(0.5f * problem.action_low[a] + 0.5f * problem.action_high[a]);
    return settings;
}

}  // namespace

CEMSettings control_settings() {
    CEMSettings settings;
    settings.min_std = 0.05;
    settings.keep_elites = 3;
    settings.include_mean = settings.returns_best = settings.warm_start = true;
    return settings;
}

void ControllerSettings::validate(const Problem& problem) const {
    planner.validate();
    check_seconds(budget, "budget", 0);
    check_seconds(delay, "delay", 0);
    check_seconds(stale_after, "stale_after", 0);
    check_seconds(safe_after, "safe_after", stale_after);
    const std::int64_t steps = std::int64_t{planner.horizon} * planner.steps_per_knot;
    check(delay / problem.dt <= static_cast<double>(steps), "delay must be <= the horizon of ",
          static_cast<double>(steps) * problem.dt, " seconds, got ", delay);
    check(delay / problem.dt <= kMostDelay, "delay must be <= ", kMostDelay, " model steps, which is ", kMostDelay * problem.dt,
          " seconds, got ", delay);
    const auto size = static_cast<std::size_t>(problem.action_size);
    check(safe_action.empty() || safe_action.size() == size, "safe_action must have ", size, " values, got ", safe_action.size());
    for (std::size_t a = 0; a < safe_action.size(); ++a)
        check(safe_action[a] >= problem.action_low[a] && safe_action[a] <= problem.action_high[a],
              "safe_action must be within the bounds, got safe_action[", a, "]=", safe_action[a]);
}

Controller::Controller(std::shared_ptr<const Problem> problem, ControllerSettings settings)
    : settings_(checked(std::move(settings), *problem)),
      planner_(problem, settings_.planner),
      step_(nanoseconds(problem->dt)),
      knot_(step_ * planner_.steps_per_knot()),
      delay_(nanoseconds(settings_.delay)),
      budget_(nanoseconds(settings_.budget)),
      stale_after_(nanoseconds(settings_.stale_after)),
      safe_after_(nanoseconds(settings_.safe_after)),
      delay_steps_(settings_.delay / problem->dt),
      noticed_{kNever, std::vector<float>(problem->state_size), {}},
      given_(problem->inputs.size()),
      situations_([&] {
          const int steps = settings_.planner.horizon * settings_.planner.steps_per_knot;
          for (const Input& input : problem->inputs)
              noticed_.inputs.emplace_back(static_cast<std::size_t>(input.size()) * (input.per_step ? steps : 1));
          return noticed_;
      }()),
      committed_(static_cast<std::size_t>(committed_rows(delay_steps_)) * problem->action_size),
      previous_action_(problem->action_size),
      inputs_(problem->inputs.size()),
      motions_({0, std::vector<float>(static_cast<std::size_t>(planner_.horizon()) * problem->action_size), false}),
      commands_(problem->action_size, delay_),
      sent_(commands_) {
    check(step_ >= 1000, "dt must be at least a microsecond, got ", problem->dt, " seconds");
}

Controller::~Controller() { stop(); }

std::int64_t Controller::now() noexcept { return now_ns(); }

bool Controller::set_input(std::string_view name, const float* values, std::size_t count) noexcept {
    const auto& inputs = problem().inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (inputs[i].name != name) continue;
        if (count != noticed_.inputs[i].size() || !all_finite(values, count)) return false;
        std::copy_n(values, count, noticed_.inputs[i].begin());
        given_[i] = true;
        return true;
    }
    return false;
}

bool Controller::measure(const float* state, std::int64_t time) noexcept {
    if (!all_finite(state, noticed_.state.size()) || std::count(given_.begin(), given_.end(), false) > 0) {
        counters_.refused_states += 1;
        return false;
    }
    Situation& draft = situations_.draft();
    draft.time = time;
    std::copy_n(state, draft.state.size(), draft.state.begin());
    for (std::size_t i = 0; i < draft.inputs.size(); ++i)
        std::copy(noticed_.inputs[i].begin(), noticed_.inputs[i].end(), draft.inputs[i].begin());
    situations_.publish();
    return true;
}

bool Controller::replan(std::int64_t time) noexcept {
    const bool fresh = situations_.receive();
    const Situation& situation = situations_.latest();
    if (distance(time, situation.time) > stale_after_) {
        counters_.stale_states += 1;
        return false;
    }
    try {
        return fresh && plan_from(situation);
    } catch (...) {  // the planner does not throw; should the system below it, the watchdog takes over
        counters_.failed_plans += 1;
        return false;
    }
}

/// What is on its way to the plant while it is planned, as PlanRequest asks for it: the plan's first action is sent when the state
/// is measured, so whatever was sent a delay before acts until then.
void Controller::collect_committed(const Situation& situation) {
    sent_.receive();
    const CommandLog& sent = sent_.latest();
    const auto command_at = [&](std::int64_t time) {
        const float* action = sent.at(time);
        return action ? action : settings_.safe_action.data();
    };
    const int actions = problem().action_size, rows = committed_rows(delay_steps_);
    for (int row = 0; row < rows; ++row) {
        const std::int64_t end = -step_ * (rows - 1 - row), begin = std::max(end - step_, -delay_);
        const float* command = command_at(situation.time + begin + (end - begin) / 2);  // in force in the middle
        std::copy_n(command, actions, committed_.begin() + row * actions);
    }
    const std::int64_t before = rows > 0 ? situation.time - delay_ - step_ / 2 : situation.time;
    std::copy_n(command_at(before), actions, previous_action_.begin());
}

bool Controller::plan_from(const Situation& situation) {
    for (std::size_t i = 0; i < inputs_.size(); ++i) inputs_[i] = situation.inputs[i].data();
    collect_committed(situation);
    const std::int64_t since = last_measured_ == kNever ? step_ : situation.time - last_measured_;
    const double elapsed = static_cast<double>(std::max<std::int64_t>(0, since)) / static_cast<double>(step_);
    last_measured_ = situation.time;
    const std::int64_t started = now();
    const Plan& plan = planner_.plan({.state = situation.state.data(),
                                      .previous_action = previous_action_.data(),
                                      .inputs = inputs_,
                                      .elapsed = elapsed,
                                      .deadline = started + budget_,
                                      .delay = delay_steps_,
                                      .committed = committed_.data()});
    const std::int64_t finished = now(), took = finished - started;
    const bool evaluated = plan.status == PlanStatus::ok || plan.status == PlanStatus::deadline;
    const bool in_time = plan.status == PlanStatus::ok || plan.status == PlanStatus::no_finite_candidate;
    counters_.plans.note(finished);
    counters_.longest_plan = std::max<std::int64_t>(counters_.longest_plan, took);
    counters_.missed_deadlines += !in_time || took > budget_;
    counters_.failed_plans += !evaluated;
    if (!evaluated) return false;
    Motion& draft = motions_.draft();
    draft.measured = situation.time;
    draft.planned = true;
    std::copy(plan.actions.begin(), plan.actions.end(), draft.actions.begin());
    motions_.publish();
    return true;
}

ControlStatus Controller::action_at(std::int64_t time, float* action) noexcept {
    motions_.receive();
    const Motion& motion = motions_.latest();
    const std::int64_t age = motion.planned ? distance(time, motion.measured) : std::numeric_limits<std::int64_t>::max();
    ControlStatus status = age <= stale_after_  ? ControlStatus::ok
                           : age <= safe_after_ ? ControlStatus::stale
                                                : ControlStatus::safe;
    const float* chosen = settings_.safe_action.data();
    if (status != ControlStatus::safe) {
        const std::int64_t knot = std::max<std::int64_t>(0, time - motion.measured) / knot_;
        if (knot < planner_.horizon())
            chosen = motion.actions.data() + knot * problem().action_size;
        else
            status = ControlStatus::safe;
    }
    std::copy_n(chosen, problem().action_size, action);
    commands_.add(time, action);
    sent_.draft() = commands_;  // same sizes: copies, allocates nothing
    sent_.publish();
    counters_.actions.note(time);
    counters_.stale_actions += status == ControlStatus::stale;
    counters_.fallbacks += status == ControlStatus::safe;
    return status;
}

void Controller::start(double period) {
    check_seconds(period, "period", 1e-6);
    stop();
    stopping_ = false;
    thread_ = std::thread([this, period] { keep_planning(nanoseconds(period)); });
}

void Controller::stop() noexcept {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Controller::keep_planning(std::int64_t period) noexcept {
    using Clock = std::chrono::steady_clock;
    auto next = Clock::now();
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        lock.unlock();
        replan();
        lock.lock();
        next = std::max(next + std::chrono::nanoseconds(period), Clock::now());  // late: no burst to catch up
        wake_.wait_until(lock, next, [this] { return stopping_; });
    }
}

}  // namespace mbrl
