#include "planners/predictive_sampling.hpp"

#include "core/check.hpp"

namespace mbrl {
namespace {

const PredictiveSamplingSettings& valid(const PredictiveSamplingSettings& settings) {
    settings.validate();
    return settings;
}

}  // namespace

PredictiveSamplingSettings::PredictiveSamplingSettings() {
    warm_start = true;
    population = 10;
    iterations = 1;
    init_std = 0.1;
    include_mean = true;
    returns_best = true;
}

void PredictiveSamplingSettings::validate() const {
    SamplingSettings::validate();
    check(include_mean, "include_mean must be true: in predictive sampling the last plan is always a candidate");
}

PredictiveSampling::PredictiveSampling(const std::shared_ptr<const Problem>& problem, const PredictiveSamplingSettings& settings)
    : SamplingPlanner(problem, valid(settings), 1) {}

void PredictiveSampling::refit(Memory& memory, int best, int) {
    for (int e = 0; e < elements(); ++e) memory.mean[e] = row(e)[ranked()[0]];
    keep(memory, best);
}

}  // namespace mbrl
