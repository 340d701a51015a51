// Gradient shooting: many action sequences at once climb their own returns by projected Adam (Kingma & Ba 2015; for planning with
// learned models, e.g. Bharadhwaj et al. 2020, §4).
#pragma once

#include "planners/planner.hpp"
#include "problem/gradients.hpp"

namespace mbrl {

struct GradientShootingSettings : PlannerSettings {
    int population = 16;            // starts that climb side by side
    int iterations = 20;            // steps of each
    double step_size = 0.1;         // of Adam, in units of half the action range
    double momentum = 0.9;          // Adam's β₁
    double second_momentum = 0.99;  // and β₂
    double init_std = 0.5;          // of the starts around the last plan, in units of half the action range
    double noise_beta = 2;          // power spectrum 1/f^beta of the starts along the horizon

    void validate() const;  // throws Error
};

class GradientShooting : public Planner {
 public:
    GradientShooting(const std::shared_ptr<const Problem>& problem, const GradientShootingSettings& settings);
    const GradientShootingSettings& settings() const { return settings_; }
    int most_candidates() const override { return settings_.population - 1; }

 private:
    void begin(Memory& memory, double moved, bool warm) override;
    bool search(Memory& memory, const PlanRequest& request) override;

    float* row(AlignedFloats& rows, int element) { return rows.data() + static_cast<std::ptrdiff_t>(element) * padded_; }
    void draw_starts(const Memory& memory, const PlanRequest& request);
    void offer_best(int candidates);
    void climb(int step);

    GradientShootingSettings settings_;
    RolloutGradient gradient_;
    int padded_;
    std::vector<float> colour_;                           // [horizon, horizon], empty for white noise
    AlignedFloats actions_, gradients_, first_, second_;  // [elements][padded]: Adam's moments are the last two
    AlignedFloats returns_;
    std::vector<float> start_;
};

}  // namespace mbrl
