// Random shooting: draw sequences over the whole range, roll them out, take the best one. The baseline of the field (Nagabandi et
// al. 2018, arXiv 1708.02596, §IV; PETS's "random").
#pragma once

#include "planners/sampling.hpp"

namespace mbrl {

struct RandomShootingSettings : SamplingSettings {
    bool uniform = true;  // over the bounds; else a Gaussian of init_std around their middle, clipped

    RandomShootingSettings();
    void validate() const;  // throws Error
};

class RandomShooting : public SamplingPlanner {
 public:
    RandomShooting(const std::shared_ptr<const Problem>& problem, const RandomShootingSettings& settings);

 private:
    void begin(Memory& memory, double moved, bool warm) override;
    void shape_noise(int first, int width) override;
    void refit(Memory& memory, int best, int finite) override;

    bool uniform_;
    int erf_;
};

}  // namespace mbrl
