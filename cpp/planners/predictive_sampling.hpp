// Predictive sampling (Howell et al. 2022, arXiv 2212.00541, §3.3): candidates around the last plan, which is one of them; the best
// one is the next plan. It never answers with less than the last plan is worth.
#pragma once

#include "planners/sampling.hpp"

namespace mbrl {

struct PredictiveSamplingSettings : SamplingSettings {
    PredictiveSamplingSettings();  // MJPC's
    void validate() const;         // throws Error
};

class PredictiveSampling : public SamplingPlanner {
 public:
    PredictiveSampling(const std::shared_ptr<const Problem>& problem, const PredictiveSamplingSettings& settings);

 private:
    void refit(Memory& memory, int best, int finite) override;
};

}  // namespace mbrl
