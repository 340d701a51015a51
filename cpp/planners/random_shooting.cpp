#include "planners/random_shooting.hpp"

#include "core/check.hpp"
#include "planners/map_row.hpp"

namespace mbrl {
namespace {

const RandomShootingSettings& valid(const RandomShootingSettings& settings) {
    settings.validate();
    return settings;
}

}  // namespace

RandomShootingSettings::RandomShootingSettings() {
    population = 2000;
    iterations = 1;
    returns_best = true;
}

void RandomShootingSettings::validate() const {
    SamplingSettings::validate();
    check(returns_best, "returns must be 'best': random shooting has no mean of its own");
    check(!uniform || init_std == 1, "init_std is of distribution='gaussian', 'uniform' covers the bounds: it must be 1, got ",
          init_std);
}

RandomShooting::RandomShooting(const std::shared_ptr<const Problem>& problem, const RandomShootingSettings& settings)
    : SamplingPlanner(problem, valid(settings), 1), uniform_(settings.uniform), erf_(find_op("erf")) {}

/// What is drawn never depends on earlier plans; elites that were kept do ride along.
void RandomShooting::begin(Memory& memory, double moved, bool warm) {
    SamplingPlanner::begin(memory, moved, warm);
    fill_middle(memory.mean);
    limit_knots(memory.mean.data());
}

/// A normal z becomes uniform in (-1, 1) as erf(z/√2), whatever its correlation with its neighbours in time.
void RandomShooting::shape_noise(int first, int width) {
    SamplingPlanner::shape_noise(first, width);
    if (!uniform_) return;
    for (int e = 0; e < elements(); ++e) {
        kernels().affine_clip(row(e) + first, 0.70710678f, 0, -8, 8, width);
        map_row(erf_, row(e) + first, width);
    }
}

void RandomShooting::refit(Memory& memory, int best, int) { keep(memory, best); }

}  // namespace mbrl
