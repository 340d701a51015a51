#include <cmath>

#include "core/check.hpp"
#include "planners/cem.hpp"

namespace mbrl {
namespace {

bool in_unit_interval(double x) { return x >= 0 && x <= 1; }

}  // namespace

void CEMSettings::validate() const {
    check(horizon >= 1, "horizon must be >= 1, got ", horizon);
    check(steps_per_knot >= 1, "steps_per_knot must be >= 1, got ", steps_per_knot);
    check(population >= 1, "population must be >= 1, got ", population);
    check(elites >= 1, "elites must be >= 1, got ", elites);
    check(population >= elites, "population must be >= elites, got population=", population, ", elites=", elites);
    check(iterations >= 1, "iterations must be >= 1, got ", iterations);
    check(std::isfinite(init_std) && init_std > 0, "init_std must be > 0 and finite, got ", init_std);
    check(std::isfinite(min_std) && min_std >= 0, "min_std must be >= 0 and finite, got ", min_std);
    check(momentum >= 0 && momentum < 1, "momentum must be in [0, 1), got ", momentum);
    check(discount > 0 && discount <= 1, "discount must be in (0, 1], got ", discount);
    check(keep_elites >= 0 && keep_elites <= elites, "keep_elites must be in 0..elites, got keep_elites=", keep_elites,
          ", elites=", elites);
    check(in_unit_interval(fresh_fraction), "fresh_fraction must be in [0, 1], got ", fresh_fraction);
    const int fresh = static_cast<int>(fresh_fraction * population);
    check(keep_elites + include_mean + fresh <= population,
          "population must hold the mean, the kept elites and the fresh candidates, got population=", population,
          ", include_mean=", int(include_mean), ", keep_elites=", keep_elites, ", fresh=", fresh);
    check(noise_beta >= 0 && noise_beta <= 10, "noise_beta must be in [0, 10], got ", noise_beta);
    for (const double rate : max_rate) check(rate > 0, "max_rate must be > 0 per second, got ", rate);
    check(threads >= 1 && threads <= 1024, "threads must be in 1..1024, got ", threads);
    check(std::int64_t{horizon} * steps_per_knot <= 1000000, "horizon * steps_per_knot must be <= 1000000, got ",
          std::int64_t{horizon} * steps_per_knot);
    check(population <= 10000000, "population must be <= 10000000, got ", population);
}

}  // namespace mbrl
