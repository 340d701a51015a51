#include "planners/gradient_shooting.hpp"

#include <algorithm>
#include <cmath>

#include "core/check.hpp"
#include "kernels/dispatch.hpp"
#include "planners/noise.hpp"

namespace mbrl {
namespace {

/// Keeps the first steps of a flat start from being divided by nothing.
constexpr float kAdamFloor = 1e-12f;

const GradientShootingSettings& valid(const GradientShootingSettings& settings) {
    settings.validate();
    return settings;
}

}  // namespace

void GradientShootingSettings::validate() const {
    PlannerSettings::validate();
    check(objective == Objective::mean, "gradient shooting climbs the mean over members or particles: objective must be mean");
    check(population >= 1 && population <= 1000000, "population must be in 1..1000000, got ", population);
    check(iterations >= 1, "iterations must be >= 1, got ", iterations);
    check(std::isfinite(step_size) && step_size > 0, "step_size must be > 0 and finite, got ", step_size);
    check(momentum >= 0 && momentum < 1, "momentum must be in [0, 1), got ", momentum);
    check(second_momentum >= 0 && second_momentum < 1, "second_momentum must be in [0, 1), got ", second_momentum);
    check(std::isfinite(init_std) && init_std >= 0, "init_std must be >= 0 and finite, got ", init_std);
    check(noise_beta >= 0 && noise_beta <= 10, "noise_beta must be in [0, 10], got ", noise_beta);
}

GradientShooting::GradientShooting(const std::shared_ptr<const Problem>& problem, const GradientShootingSettings& settings)
    : Planner(problem, valid(settings), 1, {}),
      settings_(settings),
      gradient_(problem, settings.rollouts(settings.population), pool_),
      padded_(gradient_.padded_population()),
      actions_(static_cast<std::size_t>(round_up(elements(), 4)) * padded_),
      gradients_(static_cast<std::size_t>(elements()) * padded_),
      first_(gradients_.size()),
      second_(gradients_.size()),
      returns_(padded_),
      start_(elements()) {
    if (settings.noise_beta > 0) colour_ = coloured_noise_factor(settings.horizon, settings.noise_beta);
}

void GradientShooting::begin(Memory&, double, bool warm) {
    if (warm)
        start_ = fallback();
    else
        fill_middle(start_);
}

bool GradientShooting::search(Memory& memory, const PlanRequest& request) {
    gradient_.share_weights(rollout_);
    gradient_.start(begins(), before(), request.inputs, false);
    gradient_.draw_particles(noise_key(settings_.seed, static_cast<std::uint32_t>(request.stream)), memory.plans);
    draw_starts(memory, request);
    std::fill_n(first_.data(), first_.size(), 0.0f);
    std::fill_n(second_.data(), second_.size(), 0.0f);
    Budget budget;
    budget.deadline = search_deadline(request);
    for (int iteration = 0; iteration <= settings_.iterations; ++iteration) {
        budget.max_tiles = request.max_tiles - plan_.tiles;
        const Progress progress =
            gradient_.run({actions_.data(), padded_}, settings_.population, returns_.data(), {gradients_.data(), padded_}, budget);
        plan_.tiles += progress.tiles;
        plan_.model_steps += progress.model_steps;
        offer_best(progress.candidates);
        if (!progress.complete) return false;
        if (iteration < settings_.iterations) climb(iteration + 1);
    }
    return true;
}

/// Candidate 0 is the start itself, the request's follow, the others lie around it.
void GradientShooting::draw_starts(const Memory& memory, const PlanRequest& request) {
    const int action_size = problem().action_size;
    draw_normals(noise_key(settings_.seed, static_cast<std::uint32_t>(request.stream)), memory.plans, 0, elements(), 0, padded_,
                 actions_.data(), padded_);
    for (int a = 0; !colour_.empty() && a < action_size; ++a)
        kernels().lower_triangular(row(actions_, a), std::int64_t{padded_} * action_size, colour_.data(), horizon(), padded_);
    for (int e = 0; e < elements(); ++e) {
        const int a = e % action_size;
        kernels().affine_clip(row(actions_, e), static_cast<float>(settings_.init_std) * half_range()[a], start_[e],
                              action_low()[a], action_high()[a], padded_);
        row(actions_, e)[0] = start_[e];
        for (int c = 0; c < candidate_count_; ++c) row(actions_, e)[1 + c] = request.candidates[c * elements() + e];
    }
    limit_.apply(actions_.data(), padded_, horizon(), padded_);
}

void GradientShooting::offer_best(int candidates) {
    int best = -1;
    for (int n = 0; n < candidates; ++n)
        if (std::isfinite(returns_[n]) && (best < 0 || returns_[n] > returns_[best])) best = n;
    if (best >= 0) offer(returns_[best], row(actions_, 0) + best, padded_);
}

/// One step of Adam up the returns, projected into the bounds and the limits. A gradient that is not finite moves nothing.
void GradientShooting::climb(int step) {
    const float keep = static_cast<float>(settings_.momentum), keep_square = static_cast<float>(settings_.second_momentum);
    double left = 1, square_left = 1;  // of the moments' zero beginning
    for (int i = 0; i < step; ++i) left *= settings_.momentum, square_left *= settings_.second_momentum;
    const float scale = static_cast<float>(1 / (1 - left)), square_scale = static_cast<float>(1 / (1 - square_left));
    for (int e = 0; e < elements(); ++e) {
        const int a = e % problem().action_size;
        const float half = half_range()[a], length = static_cast<float>(settings_.step_size) * half;
        const float low = action_low()[a], high = action_high()[a];
        float *u = row(actions_, e), *m = row(first_, e), *v = row(second_, e);
        const float* slopes = row(gradients_, e);
        for (int n = 0; n < settings_.population; ++n) {
            const float slope = std::isfinite(slopes[n]) ? half * slopes[n] : 0.0f;
            m[n] = keep * m[n] + (1 - keep) * slope;
            v[n] = keep_square * v[n] + (1 - keep_square) * slope * slope;
            const float moved = u[n] + length * scale * m[n] / (std::sqrt(square_scale * v[n]) + kAdamFloor);
            u[n] = std::isfinite(moved) ? std::clamp(moved, low, high) : u[n];
        }
    }
    limit_.apply(actions_.data(), padded_, horizon(), padded_);
}

}  // namespace mbrl
