// Model predictive path integral control (Williams et al. 2017, arXiv 1707.02342; "PI²"): the new mean is the average of all
// candidates, weighted by exp(return / temperature). With `smooth`, the changes of the plan are sampled instead of the plan
// (Kim et al. 2022, arXiv 2112.09988).
#pragma once

#include "planners/sampling.hpp"

namespace mbrl {

struct MPPISettings : SamplingSettings {
    double temperature = 1;  // λ, in units of the return; with `normalise` in standard deviations of the returns
    bool normalise = false;
    double control_cost = 0;  // 1 − α: candidates pay λ·(1 − α)·uᵀΣ⁻¹ε for a mean u and noise ε
    int elites = 0;           // only so many of the best have a weight; 0: all of them
    bool refit_std = false;   // the next iteration's std is that of the weighted candidates, between min_std and init_std
    double min_std = 0;       // in units of half the action range
    bool smooth = false;      // candidates continue the change that the last refit made
    double smoothness = 0;    // candidates pay so much for every squared difference of neighbouring knots

    MPPISettings();
    void validate() const;  // throws Error
};

class MPPI : public SamplingPlanner {
 public:
    MPPI(const std::shared_ptr<const Problem>& problem, const MPPISettings& settings);

 private:
    void begin(Memory& memory, double moved, bool warm) override;
    bool search(Memory& memory, const PlanRequest& request) override;
    void refit(Memory& memory, int best, int finite) override;
    const std::vector<float>& chosen(const Memory& memory) override;

    void count(int best, int finite);
    void charge(const Memory& memory, double temperature);
    double deviation() const;
    void weigh(const Memory& memory);
    float average(const float* values) const;
    float spread(const float* values, float mean) const;
    void move_mean(Memory& memory, int element, float mean);

    MPPISettings settings_;
    double temperature_ = 1;  // of this plan
    int exp_;
    std::vector<int> counted_;         // candidates that have a weight
    std::vector<double> score_;        // of each of them
    AlignedFloats charges_, weights_;  // [padded population]; weights sum to one
};

}  // namespace mbrl
