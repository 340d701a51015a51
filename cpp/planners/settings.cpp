#include "planners/settings.hpp"

#include <cmath>

#include "core/check.hpp"

namespace mbrl {

void PlannerSettings::validate() const {
    check(horizon >= 1, "horizon must be >= 1, got ", horizon);
    check(steps_per_knot >= 1, "steps_per_knot must be >= 1, got ", steps_per_knot);
    check(std::int64_t{horizon} * steps_per_knot <= 1000000, "horizon * steps_per_knot must be <= 1000000, got ",
          std::int64_t{horizon} * steps_per_knot);
    check(discount > 0 && discount <= 1, "discount must be in (0, 1], got ", discount);
    for (const double rate : max_rate) check(rate > 0, "max_rate must be > 0 per second, got ", rate);
    check_objective(objective, risk);
    check(particles >= 0 && particles <= 100000, "particles must be in 0..100000, got ", particles);
    check(threads >= 1 && threads <= 1024, "threads must be in 1..1024, got ", threads);
}

void SamplingSettings::validate() const {
    PlannerSettings::validate();
    check(population >= 1, "population must be >= 1, got ", population);
    check(population <= 10000000, "population must be <= 10000000, got ", population);
    check(iterations >= 1, "iterations must be >= 1, got ", iterations);
    check(std::isfinite(init_std) && init_std > 0, "init_std must be > 0 and finite, got ", init_std);
    check(noise_beta >= 0 && noise_beta <= 10, "noise_beta must be in [0, 10], got ", noise_beta);
    check(fresh_fraction >= 0 && fresh_fraction <= 1, "fresh_fraction must be in [0, 1], got ", fresh_fraction);
    check(keep_elites >= 0, "keep_elites must be >= 0, got ", keep_elites);
    check(knot_growth >= 1 && knot_growth <= 10, "knot_growth must be in [1, 10], got ", knot_growth);
    check(kernel_width >= 0.1 && kernel_width <= 2, "kernel_width must be in [0.1, 2] knots, got ", kernel_width);
    check(std::isfinite(action_rate_penalty) && action_rate_penalty >= 0, "action_rate_penalty must be >= 0 and finite, got ",
          action_rate_penalty);
    const int fresh = static_cast<int>(fresh_fraction * population);
    check(keep_elites <= population && keep_elites + include_mean + fresh <= population,
          "population must hold the mean, the kept elites and the fresh candidates, got population=", population,
          ", include_mean=", int(include_mean), ", keep_elites=", keep_elites, ", fresh=", fresh);
}

}  // namespace mbrl
