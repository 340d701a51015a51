// iCEM (Pinneri et al. 2020, arXiv 2008.06389): CEM with coloured noise, populations that shrink from iteration to iteration,
// elites kept within a plan and shifted into the next one, and the mean as a candidate of the last iteration only.
#pragma once

#include "planners/cem.hpp"

namespace mbrl {

struct ICEMSettings : CEMSettings {
    double decay = 1.25;  // iteration i draws max(2·elites, ⌊population / decay^i⌋) candidates, the kept ones among them

    ICEMSettings();         // the paper's
    void validate() const;  // throws Error
};

class ICEM : public CEM {
 public:
    ICEM(const std::shared_ptr<const Problem>& problem, const ICEMSettings& settings);

 private:
    int population(int iteration) const override;
    bool mean_rides(int iteration) const override;
    int knots_kept(int iteration) const override;

    double decay_;
};

}  // namespace mbrl
