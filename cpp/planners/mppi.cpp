#include "planners/mppi.hpp"

#include <algorithm>
#include <cmath>

#include "core/check.hpp"
#include "planners/map_row.hpp"

namespace mbrl {
namespace {

/// e^-80 of the best weight is nothing to a float, and e^-88 would be no normal number.
constexpr double kLeastScore = -80;

const MPPISettings& valid(const MPPISettings& settings) {
    settings.validate();
    return settings;
}

bool positive(double value) { return std::isfinite(value) && value > 0; }

}  // namespace

MPPISettings::MPPISettings() {
    warm_start = true;
    iterations = 1;
}

void MPPISettings::validate() const {
    SamplingSettings::validate();
    check(positive(temperature), "temperature must be > 0 and finite, got ", temperature);
    check(control_cost >= 0 && control_cost <= 1, "control_cost must be in [0, 1], got ", control_cost);
    check(
        control_cost == 0 || noise_beta == 0,
        "control_cost needs white noise, noise_beta=0: a coloured covariance has next to no inverse, got noise_beta=", noise_beta);
    check(elites >= 0 && elites <= population, "elites must be in 0..population, got elites=", elites, ", population=", population);
    check(std::isfinite(min_std) && min_std >= 0 && min_std <= init_std, "min_std must be in 0..init_std, got min_std=", min_std,
          ", init_std=", init_std);
    check(std::isfinite(smoothness) && smoothness >= 0, "smoothness must be >= 0 and finite, got ", smoothness);
}

MPPI::MPPI(const std::shared_ptr<const Problem>& problem, const MPPISettings& settings)
    : SamplingPlanner(problem, valid(settings), settings.elites, settings.smooth ? settings.horizon * problem->action_size : 0),
      settings_(settings),
      exp_(find_op("exp")),
      counted_(settings.population),
      score_(settings.population),
      charges_(rollout_.padded_population()),
      weights_(rollout_.padded_population()) {}

/// Smooth: Memory::extra is the plan A; the mean, around which candidates are drawn, is A and the change that goes on.
void MPPI::begin(Memory& memory, double moved, bool warm) {
    SamplingPlanner::begin(memory, moved, warm);
    if (!settings_.smooth) return;
    if (!warm) return fill_middle(memory.extra);
    shift_knots(memory.extra.data(), moved);
    if (moved > 0)
        std::copy(memory.extra.end() - problem().action_size, memory.extra.end(), memory.mean.end() - problem().action_size);
    limit_knots(memory.mean.data());
}

bool MPPI::search(Memory& memory, const PlanRequest& request) {
    temperature_ = positive(request.temperature) ? request.temperature : settings_.temperature;
    return SamplingPlanner::search(memory, request);
}

const std::vector<float>& MPPI::chosen(const Memory& memory) {
    return settings_.smooth && !sampling().returns_best ? expanded(memory.extra) : SamplingPlanner::chosen(memory);
}

void MPPI::refit(Memory& memory, int best, int finite) {
    count(best, finite);
    weigh(memory);
    if (counted_.empty()) return;
    for (int e = 0; e < elements(); ++e) {
        const float mean = average(row(e)), half = half_range()[e % problem().action_size];
        if (settings_.refit_std)
            std_[e] = std::clamp(spread(row(e), mean), static_cast<float>(settings_.min_std) * half,
                                 static_cast<float>(settings_.init_std) * half);
        move_mean(memory, e, mean);
    }
    limit_knots(memory.mean.data());
    if (settings_.smooth) limit_knots(memory.extra.data());
    keep(memory, best);
}

/// In the order of their index, so that sums have the same bits everywhere.
void MPPI::count(int best, int finite) {
    counted_.clear();
    if (settings_.elites > 0) {
        counted_.assign(ranked().begin(), ranked().begin() + std::min(settings_.elites, best));
        return std::sort(counted_.begin(), counted_.end());
    }
    for (int n = 0; static_cast<int>(counted_.size()) < finite; ++n)
        if (std::isfinite(returns_[n])) counted_.push_back(n);
}

/// What candidates pay besides, in units of the temperature, but for a constant: uᵀΣ⁻¹ε = uᵀΣ⁻¹a − uᵀΣ⁻¹u.
void MPPI::charge(const Memory& memory, double temperature) {
    std::fill_n(charges_.data(), charges_.size(), 0.0f);
    const int width = rollout_.padded_population(), action_size = problem().action_size;
    if (settings_.control_cost > 0) {
        for (int e = 0; e < elements(); ++e) {
            const float u = memory.mean[e] - (settings_.smooth ? memory.extra[e] : 0.0f), variance = std_[e] * std_[e];
            if (variance > 0)
                kernels().add_scaled(charges_.data(), row(e), static_cast<float>(settings_.control_cost) * u / variance, width);
        }
    }
    const float price = static_cast<float>(settings_.smoothness / temperature);
    for (int e = action_size; price > 0 && e < elements(); ++e) {
        const float *now = row(e), *before = row(e - action_size);
        for (int n = 0; n < width; ++n) charges_[n] += price * ((now[n] - before[n]) * (now[n] - before[n]));
    }
}

/// Of the counted candidates' returns.
double MPPI::deviation() const {
    double sum = 0, squares = 0;
    for (int n : counted_) sum += returns_[n];
    const double mean = sum / static_cast<double>(counted_.size());
    for (int n : counted_) squares += (returns_[n] - mean) * (returns_[n] - mean);
    return std::sqrt(squares / static_cast<double>(counted_.size()));
}

/// weights_ ← exp(score) / Σ exp(score), the best score being subtracted first: nothing overflows, and one weight is 1 before.
void MPPI::weigh(const Memory& memory) {
    const double deviation = settings_.normalise ? this->deviation() : 1;
    const double temperature = temperature_ * (deviation > 0 ? deviation : 1);  // equal returns have equal weights
    charge(memory, temperature);
    const float reference = returns_[ranked()[0]];
    const auto score = [&](int n) { return (static_cast<double>(returns_[n]) - reference) / temperature - charges_[n]; };
    std::erase_if(counted_, [&](int n) { return !std::isfinite(score(n)); });  // a temperature or a charge beyond all numbers
    score_.clear();
    for (int n : counted_) score_.push_back(score(n));
    std::fill_n(weights_.data(), weights_.size(), 0.0f);
    if (counted_.empty()) return;
    const double best = *std::max_element(score_.begin(), score_.end());
    for (std::size_t i = 0; i < counted_.size(); ++i)
        weights_[counted_[i]] = static_cast<float>(std::max(score_[i] - best, kLeastScore));
    map_row(exp_, weights_.data(), rollout_.padded_population());
    for (std::size_t n = 0, next = 0; n < weights_.size(); ++n) {
        const bool counts = next < counted_.size() && counted_[next] == static_cast<int>(n);
        weights_[n] = counts ? weights_[n] : 0;
        next += counts;
    }
    double sum = 0;
    for (int n : counted_) sum += weights_[n];
    for (int n : counted_) weights_[n] = static_cast<float>(weights_[n] / sum);
}

/// Sixteen sums at once, always the same ones: fast, and the same bits on every machine.
float MPPI::average(const float* values) const {
    float sums[kLaneGroup] = {};
    for (std::size_t n = 0; n < weights_.size(); n += kLaneGroup)
        for (int lane = 0; lane < kLaneGroup; ++lane) sums[lane] += weights_[n + lane] * values[n + lane];
    float sum = 0;
    for (const float part : sums) sum += part;
    return sum;
}

float MPPI::spread(const float* values, float mean) const {
    float sum = 0;
    for (int n : counted_) sum += weights_[n] * ((values[n] - mean) * (values[n] - mean));
    return std::sqrt(sum);
}

/// Smooth: the next candidates are drawn around A + (A − A before), the change going on once more.
void MPPI::move_mean(Memory& memory, int element, float mean) {
    if (settings_.smooth) {
        const float before = memory.extra[element];
        memory.extra[element] = clip(mean, element);
        memory.mean[element] = clip(mean + (mean - before), element);
    } else {
        memory.mean[element] = clip(mean, element);
    }
}

}  // namespace mbrl
