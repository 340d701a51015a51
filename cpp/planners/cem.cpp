#include "planners/cem.hpp"

#include <algorithm>
#include <cmath>

#include "core/check.hpp"

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
}

CEM::CEM(const std::shared_ptr<const Problem>& problem, const CEMSettings& settings)
    : SamplingPlanner(problem, valid(settings), settings.elites), settings_(settings) {}

void CEM::refit(Memory& memory, int best, int) {
    const float old = static_cast<float>(settings_.momentum), share = 1.0f - old;
    for (int e = 0; e < elements(); ++e) {
        const float* values = row(e);
        float sum = 0, squares = 0;
        for (int k = 0; k < best; ++k) sum += values[ranked()[k]];
        const float mean = sum / static_cast<float>(best);
        for (int k = 0; k < best; ++k) squares += (values[ranked()[k]] - mean) * (values[ranked()[k]] - mean);
        const float spread = std::sqrt(squares / static_cast<float>(best));
        const float least = static_cast<float>(settings_.min_std) * half_range()[e % problem().action_size];
        memory.mean[e] = clip(old * memory.mean[e] + share * mean, e);
        std_[e] = std::max(old * std_[e] + share * spread, least);
    }
    keep(memory, best);
}

}  // namespace mbrl
