// Planners that sample: THE loop over iterations. Draw candidates, roll them out, refit. A planner of this kind says how the
// distribution that it draws from follows from the candidates' returns, and may say how noise is shaped.
#pragma once

#include <array>
#include <vector>

#include "planners/planner.hpp"

namespace mbrl {

class SamplingPlanner : public Planner {
 protected:
    /// `matter`: how many of the best candidates the planner looks at; 0 are all of them. `extra`: numbers of Memory::extra.
    SamplingPlanner(const std::shared_ptr<const Problem>& problem, const SamplingSettings& settings, int matter, int extra = 0);

    // What a sampling planner is made of.
    /// Refits the distribution, memory.mean and std_, on candidates whose returns are in returns_. ranked()[0..finite) have finite
    /// returns, at least one; the first `best` of them are the best, best first.
    virtual void refit(Memory& memory, int best, int finite) = 0;
    /// Columns [first, first + width) of the knots hold standard normals: correlates or reshapes them. On worker threads.
    virtual void shape_noise(int first, int width);
    /// Of iteration 0, 1, …: how many candidates, at most the settings' population.
    virtual int population(int) const { return sampling_.population; }
    /// Whether the mean is candidate 0 of that iteration.
    virtual bool mean_rides(int) const { return sampling_.include_mean; }
    /// How many knots of a kept sequence stay as they were in that iteration; the others are what was drawn in its place.
    virtual int knots_kept(int) const { return sampling_.horizon; }

    // What it may use.
    float* row(int element) { return actions_.data() + static_cast<std::int64_t>(element) * padded_; }
    const std::vector<int>& ranked() const { return order_; }
    const SamplingSettings& sampling() const { return sampling_; }
    /// Moves knots by model steps; brings them within the limits on rates; what they do, as an answer.
    void shift_knots(float* knots, double moved) { shift(knots, moved); }
    void limit_knots(float* knots) { limit_.apply(knots, 1, horizon(), 1); }
    const std::vector<float>& expanded(const std::vector<float>& knots) { return knots; }
    /// Keeps the best `count` sequences for the next iteration and the next plan.
    void keep(Memory& memory, int count);

    AlignedFloats returns_;
    std::vector<float> std_;  // [horizon, action_size]

    void begin(Memory& memory, double moved, bool warm) override;
    bool search(Memory& memory, const PlanRequest& request) override;
    const std::vector<float>& chosen(const Memory& memory) override;

 private:
    void sample(int first, int width);
    void scale_and_clip(int element, int first, int width);
    void place_carried(int first, int width);
    int rank(int candidates);
    void trace(const PlanRequest& request, int candidates, int best);

    SamplingSettings sampling_;
    int matter_;
    int padded_;
    std::vector<float> colour_;  // [horizon, horizon], empty for white noise
    AlignedFloats actions_;      // [elements rounded up to 4][padded]
    std::vector<int> order_;
    int finite_ = 0;

    /// What the candidates of the iteration being sampled are drawn from.
    struct Draw {
        const Memory* memory = nullptr;
        std::array<std::uint32_t, 2> key{};
        std::uint32_t iteration = 0;
        int population = 0;
    } draw_;
};

}  // namespace mbrl
