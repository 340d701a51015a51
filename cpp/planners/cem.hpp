// The cross-entropy method (Rubinstein 1999; for control Chua et al. 2018, §5) over action sequences held for knots.
#pragma once

#include "planners/sampling.hpp"

namespace mbrl {

struct CEMSettings : SamplingSettings {
    int elites = 10;      // refit on the best of them
    double min_std = 0;   // after a refit, in units of half the action range
    double momentum = 0;  // weight of the old mean and std

    void validate() const;  // throws Error
};

class CEM : public SamplingPlanner {
 public:
    /// Allocates everything that plan() needs. Throws Error for bad settings or a problem without a reward.
    CEM(const std::shared_ptr<const Problem>& problem, const CEMSettings& settings);
    const CEMSettings& settings() const { return settings_; }

 private:
    void refit(Memory& memory, int best, int finite) override;

    CEMSettings settings_;
};

}  // namespace mbrl
