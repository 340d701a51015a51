#include "planners/ilqr.hpp"

#include <algorithm>
#include <cmath>

#include "core/check.hpp"

namespace mbrl {
namespace {

constexpr double kGrow = 10;
constexpr double kMostRegularisation = 1e6;

const ILQRSettings& valid(const ILQRSettings& settings) {
    settings.validate();
    return settings;
}

}  // namespace

void ILQRSettings::validate() const {
    PlannerSettings::validate();
    check(iterations >= 1, "iterations must be >= 1, got ", iterations);
    check(step_sizes >= 1 && step_sizes <= 60, "step_sizes must be in 1..60, got ", step_sizes);
    check(std::isfinite(regularisation) && regularisation > 0, "regularisation must be > 0 and finite, got ", regularisation);
    check(tolerance >= 0 && tolerance < 1, "tolerance must be in [0, 1), got ", tolerance);
    check(std::isfinite(smoothing) && smoothing > 0, "smoothing must be > 0 and finite, got ", smoothing);
    check(std::int64_t{horizon} * steps_per_knot <= 10000, "horizon * steps_per_knot must be <= 10000 for iLQR, got ",
          std::int64_t{horizon} * steps_per_knot);
}

ILQR::ILQR(const std::shared_ptr<const Problem>& problem, const ILQRSettings& settings)
    : Planner(problem, valid(settings), settings.step_sizes, {}),
      settings_(settings),
      model_(problem, settings.horizon * settings.steps_per_knot, pool_, {-1, static_cast<float>(settings.smoothing)}),
      riccati_(problem->state_size, problem->action_size, settings.horizon, settings.steps_per_knot, settings.discount),
      padded_(rollout_.padded_population()),
      actions_rows_(static_cast<std::size_t>(elements()) * padded_),
      returns_(padded_),
      states_rows_(plan_.states.size() * padded_),
      actions_(elements()),
      states_(plan_.states.size()),
      steps_(static_cast<std::size_t>(rollout_.shape().steps()) * problem->action_size) {
    if (settings.feedback) plan_.gains.resize(static_cast<std::size_t>(elements()) * problem->state_size);
}

/// The last plan, shifted, is the trajectory to improve.
void ILQR::begin(Memory&, double, bool warm) {
    if (warm)
        actions_ = fallback();
    else
        fill_middle(actions_);
    limit_.apply(actions_.data(), 1, horizon(), 1);
}

bool ILQR::search(Memory&, const PlanRequest& request) {
    const int starts = 1 + candidate_count_;
    for (int e = 0; e < elements(); ++e) {
        std::fill_n(row(e), padded_, actions_[e]);
        for (int c = 0; c < candidate_count_; ++c) row(e)[1 + c] = request.candidates[c * elements() + e];
    }
    limit_.apply(actions_rows_.data(), padded_, horizon(), padded_);
    if (!roll_out(starts, request)) return false;
    const int start = best_of(starts);
    if (start < 0) return true;  // nothing to improve
    take(start);
    regularisation_ = settings_.regularisation;
    for (int iteration = 0; iteration < settings_.iterations; ++iteration) {
        bool cut = false;
        const bool better = improve(request, cut);
        if (cut) return false;
        if (!better) break;
    }
    plan_.has_gains = settings_.feedback && model(request, search_deadline(request)) && gains();
    return true;
}

/// One iteration. Returns whether another one may gain more.
bool ILQR::improve(const PlanRequest& request, bool& cut) {
    if (!model(request, search_deadline(request))) {
        cut = true;
        return false;
    }
    while (regularisation_ <= kMostRegularisation) {
        if (riccati_.backward(model_, actions_, action_low().data(), action_high().data(), regularisation_)) {
            if (!(riccati_.expected_gain() > 0)) return false;
            for (int lane = 0; lane < settings_.step_sizes; ++lane)
                for (int e = 0; e < elements(); ++e)
                    row(e)[lane] = clip(static_cast<float>(actions_[e] + std::ldexp(riccati_.changes()[e], -lane)), e);
            for (int e = 0; e < elements(); ++e)
                std::fill(row(e) + settings_.step_sizes, row(e) + padded_, row(e)[settings_.step_sizes - 1]);
            limit_.apply(actions_rows_.data(), padded_, horizon(), padded_);
            if (!roll_out(settings_.step_sizes, request)) {
                cut = true;
                return false;
            }
            const int lane = best_of(settings_.step_sizes);
            if (lane >= 0 && returns_[lane] > value_) {
                const double gain = static_cast<double>(returns_[lane]) - value_;
                take(lane);
                regularisation_ = std::max(regularisation_ / kGrow, settings_.regularisation);
                return gain > settings_.tolerance * std::fabs(static_cast<double>(value_));
            }
        }
        regularisation_ *= kGrow;
    }
    return false;
}

/// Of feedback around the final trajectory. Returns whether they are numbers.
bool ILQR::gains() {
    if (!riccati_.backward(model_, actions_, action_low().data(), action_high().data(), settings_.regularisation)) return false;
    plan_.gains = riccati_.gains();
    return std::all_of(plan_.gains.begin(), plan_.gains.end(), [](float gain) { return std::isfinite(gain); });
}

/// The quadratic model along the trajectory.
bool ILQR::model(const PlanRequest& request, std::int64_t deadline) {
    const int size = problem().action_size;
    for (int t = 0; t < rollout_.shape().steps(); ++t)
        std::copy_n(actions_.begin() + t / steps_per_knot() * size, size, steps_.begin() + t * size);
    model_.share_weights(rollout_);
    model_.start(before(), request.inputs, false);
    return model_.run(states_.data(), steps_.data(), rollout_.shape().steps(), 0, deadline);
}

/// Counts one tile, whatever the rollout counts, when every candidate came to its end.
bool ILQR::roll_out(int count, const PlanRequest& request) {
    if (plan_.tiles >= request.max_tiles) return false;
    std::fill_n(states_rows_.data(), states_rows_.size(), 0.0f);
    Budget budget;
    budget.deadline = search_deadline(request);
    const Progress progress =
        rollout_.run({actions_rows_.data(), padded_}, count, returns_.data(), {states_rows_.data(), padded_}, budget);
    plan_.model_steps += progress.model_steps;
    if (!progress.complete) return false;
    plan_.tiles += 1;
    return true;
}

int ILQR::best_of(int count) const {
    int best = -1;
    for (int lane = 0; lane < count; ++lane)
        if (std::isfinite(returns_[lane]) && (best < 0 || returns_[lane] > returns_[best])) best = lane;
    return best;
}

void ILQR::take(int lane) {
    for (int e = 0; e < elements(); ++e) actions_[e] = row(e)[lane];
    for (std::size_t i = 0; i < states_.size(); ++i) states_[i] = states_rows_[i * padded_ + lane];
    value_ = returns_[lane];
    offer(value_, actions_.data());
}

}  // namespace mbrl
