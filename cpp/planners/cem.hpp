// The cross-entropy method (Rubinstein 1999; for control Chua et al. 2018, §5) over action sequences held for knots.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "planners/lead.hpp"
#include "planners/plan.hpp"
#include "planners/rate_limit.hpp"
#include "problem/rollout.hpp"

namespace mbrl {

struct CEMSettings {
    int horizon = 5;               // knots
    int steps_per_knot = 5;        // model steps an action is held
    int population = 100;          // candidates per iteration
    int elites = 10;               // refit on the best of them
    int iterations = 5;            // refits per plan
    double init_std = 1;           // of the sampling Gaussian, in units of half the action range
    double min_std = 0;            // likewise, after a refit
    double momentum = 0;           // weight of the old mean and std
    double discount = 1;           // per model step
    int keep_elites = 0;           // elites that stay candidates, in the next iteration and, shifted, in the next plan
    bool include_mean = false;     // candidate 0 is the mean
    bool returns_best = false;     // the best candidate of all iterations, else the last mean
    bool warm_start = false;       // start from the last plan, shifted by the elapsed time
    double fresh_fraction = 0;     // share of candidates drawn from the initial distribution in every iteration
    bool prune = true;             // whether candidates that cannot become elites stop early: same plans, fewer model steps
    double noise_beta = 0;         // power spectrum 1/f^beta along the horizon, 0 = white
    std::vector<double> max_rate;  // of actions, per second: one number or one for each; empty: no limit
    std::uint64_t seed = 0;
    int threads = 1;

    void validate() const;  // throws Error
};

class CEM {
 public:
    /// Allocates everything that plan() needs. Throws Error for bad settings or a problem without a reward.
    CEM(std::shared_ptr<const Problem> problem, CEMSettings settings);

    const CEMSettings& settings() const { return settings_; }
    const Problem& problem() const { return rollout_.problem(); }

    /// Allocates nothing, throws nothing. The answer lives until the next call.
    const Plan& plan(const PlanRequest& request);

    /// Streams are independent sequences of plans: their own noise, warm start and counter.
    void reserve_streams(int streams);
    int streams() const { return static_cast<int>(streams_.size()); }
    void reset();
    void reset_stream(int stream);

    /// What a stream remembers between plans; for pickling.
    using Memory = mbrl::Memory;
    const Memory& memory(int stream) const { return streams_[stream]; }
    void set_memory(int stream, Memory memory);

    /// What the last plan depended on; for planning it again.
    const Decision& decision() const { return decision_; }
    const Plan& last_plan() const { return plan_; }

 private:
    float* row(int element) { return actions_.data() + static_cast<std::int64_t>(element) * padded_; }
    float clip(float action, int element) const;
    void shift(float* actions, double elapsed) const;
    void record(const Memory& memory, const PlanRequest& request);
    void commit(const Memory& memory, const PlanRequest& request);
    const float* command_at(const Memory& memory, double time) const;
    void begin(Memory& memory, const PlanRequest& request);
    bool look_ahead(const PlanRequest& request);
    bool iterate(Memory& memory, const PlanRequest& request);
    void trace(const PlanRequest& request, int candidates, int elites);
    void sample(int first, int width);
    void scale_and_clip(int element, int first, int width);
    void place_carried(int first, int width);
    int select_elites(int candidates);
    void refit(Memory& memory, int elites);
    void remember_best(int elites);
    bool evaluate(const std::vector<float>& actions, std::int64_t deadline);
    void answer(const Memory& memory, const PlanRequest& request, bool complete);

    CEMSettings settings_;
    std::shared_ptr<ThreadPool> pool_;
    Rollout rollout_;
    Lead lead_;
    RateLimit limit_;
    int elements_ = 0;  // horizon × action_size
    int padded_ = 0;
    std::vector<float> mid_, half_;  // [action_size]
    std::vector<float> colour_;      // [horizon, horizon], empty for white noise
    AlignedFloats actions_;          // [elements rounded up to 4][padded]
    AlignedFloats returns_, states_;
    std::vector<int> order_;
    std::vector<float> std_, best_, fallback_;
    std::vector<float> committed_;  // [kMostDelay, action_size]
    float best_return_ = 0;
    bool any_finite_ = false;
    std::int64_t answer_time_ = 0;  // of the last evaluation of an answer, nanoseconds
    std::vector<Memory> streams_;
    Decision decision_;
    Plan plan_;

    /// What the candidates of the iteration being sampled are drawn from.
    struct Draw {
        const Memory* memory = nullptr;
        std::array<std::uint32_t, 2> key{};
        std::uint32_t iteration = 0;
    } draw_;
};

}  // namespace mbrl
