#include "planners/cem.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/check.hpp"
#include "kernels/dispatch.hpp"
#include "planners/noise.hpp"

namespace mbrl {
namespace {

const CEMSettings& valid(const CEMSettings& settings) {
    settings.validate();
    return settings;
}

}  // namespace

void CEMSettings::validate() const {
    SamplingSettings::validate();
    check(elites >= 1, "elites must be >= 1, got ", elites);
    check(population >= elites, "population must be >= elites, got population=", population, ", elites=", elites);
    check(std::isfinite(min_std) && min_std >= 0, "min_std must be >= 0 and finite, got ", min_std);
    check(momentum >= 0 && momentum < 1, "momentum must be in [0, 1), got ", momentum);
    check(keep_elites <= elites, "keep_elites must be in 0..elites, got keep_elites=", keep_elites, ", elites=", elites);
    check(!shrinkage || (*shrinkage >= 0 && *shrinkage <= 1), "shrinkage must be in [0, 1], got ", shrinkage.value_or(0));
    check(!shrinkage || full_covariance, "shrinkage belongs to a full covariance, got ", shrinkage.value_or(0),
          " for a diagonal one");
    check(min_probability >= 0 && min_probability < 0.5, "min_probability must be in [0, 0.5), got ", min_probability);
    bool discrete = false;
    for (std::size_t a = 0; a < choices.size(); ++a) {
        if (choices[a] == 0) continue;
        discrete = true;
        check(interpolation == Interpolation::hold && knot_growth == 1,
              "choices need knots that are held, all equally long: there is nothing between two choices");
        const double rate = max_rate.empty()       ? INFINITY
                            : max_rate.size() == 1 ? max_rate[0]
                            : a < max_rate.size()  ? max_rate[a]
                                                   : 1;
        check(std::isinf(rate), "max_rate of a discrete action must be infinite, got ", rate, " for action ", a);
    }
    check(!discrete || !full_covariance, "a full covariance is for continuous actions, got choices");
}

CEM::CEM(const std::shared_ptr<const Problem>& problem, const CEMSettings& settings)
    : CEM(problem, settings,
          Categorical(*problem, valid(settings).choices, settings.horizon, settings.min_probability, settings.momentum)) {}

CEM::CEM(const std::shared_ptr<const Problem>& problem, const CEMSettings& settings, Categorical categorical)
    : SamplingPlanner(problem, settings, settings.elites, categorical.numbers()),
      settings_(settings),
      categorical_(std::move(categorical)) {
    if (!settings.full_covariance) return;
    check(elements() <= kMostCorrelated, "a full covariance is for at most ", kMostCorrelated, " knots · actions, got ",
          elements());
    std::vector<float> colour;
    if (settings.noise_beta > 0) colour = coloured_noise_factor(settings.horizon, settings.noise_beta);
    correlation_ = Correlation(settings.horizon, problem->action_size, colour, settings.shrinkage, settings.momentum);
    correlation_.reserve(settings.elites);
}

void CEM::begin(Memory& memory, double moved, bool warm) {
    SamplingPlanner::begin(memory, moved, warm);
    if (correlation_) correlation_.reset();
    if (!categorical_) return;
    float* probabilities = memory.extra.data();
    if (warm)
        categorical_.shift(probabilities, moved / steps_per_knot());
    else
        categorical_.reset(probabilities);
    for (int k = 0; k < memory.kept_count; ++k) settle(memory.kept.data() + static_cast<std::ptrdiff_t>(k) * elements());
    categorical_.cut(probabilities);
    categorical_.likeliest(probabilities, memory.mean.data());
    for (int e = 0; e < elements(); ++e)
        if (categorical_.discrete(e)) std_[e] = 0;
}

void CEM::settle(float* actions) const { categorical_.settle(actions); }

/// Correlated once there have been elites, all but the fresh candidates: they lie at the end, maybe from the middle of a vector on.
void CEM::shape_noise(int first, int width) {
    const int end = first + width, lanes = kernels().lanes;
    const int fresh = static_cast<int>(settings_.fresh_fraction * candidates());
    const int edge = fresh > 0 ? std::clamp(candidates() - fresh, first, end) : end;
    if (!correlation_ || !correlation_.fitted() || edge == first) return SamplingPlanner::shape_noise(first, width);
    const int mixed = edge / lanes * lanes, all_fresh = round_up(edge, lanes);
    alignas(64) float other[kMostCorrelated * kLaneGroup];  // the vector in the middle: white, then as fresh candidates have it
    if (mixed != all_fresh)
        for (int e = 0; e < elements(); ++e) std::copy_n(row(e) + mixed, lanes, other + e * lanes);
    if (mixed < end) SamplingPlanner::shape_noise(mixed, end - mixed);
    if (mixed != all_fresh)
        for (int e = 0; e < elements(); ++e) std::swap_ranges(other + e * lanes, other + (e + 1) * lanes, row(e) + mixed);
    const std::int64_t stride = elements() > 1 ? row(1) - row(0) : 0;
    kernels().lower_triangular(row(0) + first, stride, correlation_.factor().data(), elements(), all_fresh - first);
    for (int e = 0; e < elements() && mixed != all_fresh; ++e)
        std::copy(other + e * lanes + (edge - mixed), other + (e + 1) * lanes, row(e) + edge);
}

void CEM::to_actions(float* normals, int element, float mean, float std, bool fresh, int width) const {
    if (categorical_.discrete(element)) return categorical_.draw(normals, element, fresh, width);
    if (settings_.truncate) {
        const int a = element % problem().action_size;
        const float below = 0.5f * mean - 0.5f * action_low()[a], above = 0.5f * action_high()[a] - 0.5f * mean;
        std = std::min({std, below, above});
        kernels().truncate(normals, width);
    }
    SamplingPlanner::to_actions(normals, element, mean, std, fresh, width);
}

void CEM::refit(Memory& memory, int best, int) {
    for (int e = 0; e < elements(); ++e)
        if (!categorical_.discrete(e)) refit_element(memory, e, best);
    const std::int64_t stride = elements() > 1 ? row(1) - row(0) : 0;
    if (categorical_) {
        categorical_.refit(memory.extra.data(), row(0), stride, ranked().data(), best);
        categorical_.cut(memory.extra.data());
        categorical_.likeliest(memory.extra.data(), memory.mean.data());
    }
    if (correlation_) correlation_.refit(row(0), stride, ranked().data(), best);
    keep(memory, best);
}

void CEM::refit_element(Memory& memory, int e, int best) {
    const float old = static_cast<float>(settings_.momentum), share = 1.0f - old;
    const float* values = row(e);
    float sum = 0, squares = 0;
    for (int k = 0; k < best; ++k) sum += values[ranked()[k]];
    const float mean = sum / static_cast<float>(best);
    for (int k = 0; k < best; ++k) squares += (values[ranked()[k]] - mean) * (values[ranked()[k]] - mean);
    const float spread = std::sqrt(squares / static_cast<float>(best));
    const float least = static_cast<float>(settings_.min_std) * half_range()[e % problem().action_size];
    const float blended = settings_.momentum_on_variance ? std::sqrt(old * std_[e] * std_[e] + share * spread * spread)
                                                         : old * std_[e] + share * spread;
    memory.mean[e] = clip(old * memory.mean[e] + share * mean, e);
    std_[e] = std::max(blended, least);
}

}  // namespace mbrl
