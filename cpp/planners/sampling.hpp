// Planners that sample: THE loop over iterations. Draw candidates, roll them out, refit. A planner of this kind says how the
// distribution that it draws from follows from the candidates' returns, and may say how noise is shaped.
#pragma once

#include <array>
#include <vector>

#include "planners/knots.hpp"
#include "planners/planner.hpp"
#include "planners/proposals.hpp"

namespace mbrl {

class SamplingPlanner : public Planner {
 public:
    int most_candidates() const override;

 protected:
    /// `matter`: how many of the best candidates the planner looks at; 0 are all of them. `extra`: numbers of Memory::extra.
    SamplingPlanner(const std::shared_ptr<const Problem>& problem, const SamplingSettings& settings, int matter, int extra = 0);

    // What a sampling planner is made of.
    /// Refits the distribution of knots, memory.mean and std_, on candidates whose returns are in returns_. ranked()[0..finite)
    /// have finite returns, at least one; the first `best` of them are the best, best first.
    virtual void refit(Memory& memory, int best, int finite) = 0;
    /// Columns [first, first + width) of the knots hold standard normals: correlates or reshapes them. On worker threads.
    virtual void shape_noise(int first, int width);
    /// `width` shaped normals of an element become actions within the bounds: with this mean and std, which are those of the
    /// distribution or (fresh) those that it begins with. On worker threads.
    virtual void to_actions(float* normals, int element, float mean, float std, bool fresh, int width) const;
    /// Of iteration 0, 1, …: how many candidates, at most the settings' population.
    virtual int population(int) const { return sampling_.population; }
    /// Whether the mean is candidate 0 of that iteration.
    virtual bool mean_rides(int) const { return sampling_.include_mean; }
    /// How many knots of a kept sequence stay as they were in that iteration; the others are what was drawn in its place.
    virtual int knots_kept(int) const { return sampling_.horizon; }

    // What it may use. All of it is about knots [knot_count, action_size]: what becomes of them is the business of this class.
    int knot_count() const { return sampling_.horizon; }
    int elements() const { return knot_count() * problem().action_size; }
    float* row(int element) { return actions_.data() + static_cast<std::int64_t>(element) * padded_; }
    /// Of the iteration being sampled.
    int candidates() const { return draw_.population; }
    const std::vector<int>& ranked() const { return order_; }
    const SamplingSettings& sampling() const { return sampling_; }
    /// Brings knots within the limits on rates, where those hold for knots.
    void limit_knots(float* knots);
    /// Keeps the best `count` sequences for the next iteration and the next plan.
    void keep(Memory& memory, int count);
    /// What knots do from `moved` model steps on, as knots again.
    void shift_knots(float* knots, double moved);
    /// The answer that knots make: themselves, where they need not be expanded. Until the next call.
    const std::vector<float>& expanded(const std::vector<float>& knots);

    AlignedFloats returns_;
    std::vector<float> std_;  // [knot_count, action_size]

    void begin(Memory& memory, double moved, bool warm) override;
    bool search(Memory& memory, const PlanRequest& request) override;
    const std::vector<float>& chosen(const Memory& memory) override;

 private:
    // Of rows of the answer, which knots need not be: those who refit find theirs above, and limits are applied here.
    using Planner::limit_;
    using Planner::shift;
    void sample(int first, int width);
    bool propose(const PlanRequest& request);
    void finish(int first, int width);
    /// What is rolled out: row(0) itself where knots need not be expanded.
    float* action_rows() { return knots_ ? expanded_.data() : actions_.data(); }
    void scale_and_clip(int element, int first, int width);
    void place_carried(int first, int width);
    int rank(int candidates);
    void trace(const PlanRequest& request, int candidates, int best);

    SamplingSettings sampling_;
    int matter_;
    int padded_;
    Knots knots_;
    std::vector<float> colour_;                // [knot_count, knot_count], empty for white noise
    AlignedFloats actions_;                    // knots, [elements rounded up to 4][padded]
    AlignedFloats expanded_;                   // actions, [horizon · action_size][padded], where knots are not what is rolled out
    std::vector<float> sequence_;              // likewise, of one sequence
    AlignedFloats costs_;                      // [padded], of changes, where they cost something
    std::unique_ptr<PolicyProposals> policy_;  // null: not asked for
    std::vector<int> order_;
    int finite_ = 0;

    /// What the candidates of the iteration being sampled are drawn from.
    struct Draw {
        const Memory* memory = nullptr;
        std::array<std::uint32_t, 2> key{};
        std::uint32_t iteration = 0;
        int population = 0;
        const float* candidates = nullptr;  // of the request
    } draw_;
};

}  // namespace mbrl
