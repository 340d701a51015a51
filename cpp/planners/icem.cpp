#include "planners/icem.hpp"

#include <algorithm>
#include <cmath>

#include "core/check.hpp"

namespace mbrl {
namespace {

/// Divides again and again: std::pow may differ in its last bit from library to library.
int decayed(const CEMSettings& settings, double decay, int iteration) {
    double count = settings.population;
    for (int i = 0; i < iteration && count > 1; ++i) count /= decay;
    return std::min(settings.population, std::max(2 * settings.elites, static_cast<int>(count)));
}

const ICEMSettings& valid(const ICEMSettings& settings) {
    settings.validate();
    return settings;
}

}  // namespace

ICEMSettings::ICEMSettings() {
    horizon = 30;
    steps_per_knot = 1;
    warm_start = true;
    population = 40;
    iterations = 3;
    init_std = 0.5;
    noise_beta = 3;
    keep_elites = 3;
    include_mean = true;
    returns_best = true;
    elites = 10;
    momentum = 0.1;
}

void ICEMSettings::validate() const {
    CEMSettings::validate();
    check(std::isfinite(decay) && decay >= 1, "decay must be >= 1 and finite, got ", decay);
    const int least = decayed(*this, decay, iterations - 1), fresh = static_cast<int>(fresh_fraction * least);
    check(keep_elites + include_mean + fresh <= least,
          "the last population must hold the mean, the kept elites and the fresh candidates, got population=", least,
          ", include_mean=", int(include_mean), ", keep_elites=", keep_elites, ", fresh=", fresh);
}

ICEM::ICEM(const std::shared_ptr<const Problem>& problem, const ICEMSettings& settings)
    : CEM(problem, valid(settings)), decay_(settings.decay) {}

int ICEM::population(int iteration) const { return decayed(settings(), decay_, iteration); }

bool ICEM::mean_rides(int iteration) const { return sampling().include_mean && iteration + 1 == sampling().iterations; }

/// A sequence that was shifted into this plan has nothing of its own to say about the last knot.
int ICEM::knots_kept(int iteration) const { return settings().horizon - (iteration == 0); }

}  // namespace mbrl
