// The cross-entropy method (Rubinstein 1999; for control Chua et al. 2018, §5) over action sequences held for knots.
#pragma once

#include <optional>

#include "planners/categorical.hpp"
#include "planners/covariance.hpp"
#include "planners/sampling.hpp"

namespace mbrl {

struct CEMSettings : SamplingSettings {
    int elites = 10;      // refit on the best of them
    double min_std = 0;   // after a refit, in units of half the action range
    double momentum = 0;  // weight of the old mean and std (or variance) and probabilities

    bool momentum_on_variance = false;  // else on the std
    /// Candidates from a normal truncated at ± 2 std, the std at most half the way to the nearer bound (Chua et al. 2018); else
    /// from a normal clipped to the bounds.
    bool truncate = false;
    bool full_covariance = false;     // over all knots and actions, else each has a std of its own
    std::optional<double> shrinkage;  // of a full covariance towards its diagonal, in [0, 1]; none: see Correlation
    std::vector<int> choices;         // of each action: 0 for a continuous one, or n values evenly between its bounds
    double min_probability = 0.01;    // of every such value

    void validate() const;  // throws Error
};

class CEM : public SamplingPlanner {
 public:
    /// Allocates everything that plan() needs. Throws Error for bad settings or a problem without a reward.
    CEM(const std::shared_ptr<const Problem>& problem, const CEMSettings& settings);
    const CEMSettings& settings() const { return settings_; }

 private:
    CEM(const std::shared_ptr<const Problem>& problem, const CEMSettings& settings, Categorical categorical);

    void begin(Memory& memory, double moved, bool warm) override;
    void settle(float* actions) const override;
    void shape_noise(int first, int width) override;
    void to_actions(float* normals, int element, float mean, float std, bool fresh, int width) const override;
    void refit(Memory& memory, int best, int finite) override;
    void refit_element(Memory& memory, int element, int best);

    CEMSettings settings_;
    Categorical categorical_;
    Correlation correlation_;
};

}  // namespace mbrl
