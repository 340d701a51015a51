// The face of every planner, and what all of them share: streams and what they remember, the way from a state to where the plan
// begins, limits, and an answer that is always there. A planner only looks for good actions and offers what it finds.
#pragma once

#include <memory>
#include <vector>

#include "planners/lead.hpp"
#include "planners/plan.hpp"
#include "planners/rate_limit.hpp"
#include "planners/rate_penalty.hpp"
#include "planners/settings.hpp"
#include "problem/rollout.hpp"

namespace mbrl {

class Planner {
 public:
    virtual ~Planner() = default;
    Planner(const Planner&) = delete;
    Planner& operator=(const Planner&) = delete;

    const Problem& problem() const { return rollout_.problem(); }
    /// Of an answer: rows of actions, and model steps of each.
    int horizon() const { return rollout_.shape().horizon; }
    int steps_per_knot() const { return rollout_.shape().steps_per_knot; }

    /// Allocates nothing, throws nothing. The answer lives until the next call.
    const Plan& plan(const PlanRequest& request);

    /// Streams are independent sequences of plans: their own noise, warm start and counter.
    void reserve_streams(int streams);
    int streams() const { return static_cast<int>(streams_.size()); }
    void reset();
    void reset_stream(int stream);

    /// How many candidates a request may bring, and room for so many: plan() allocates none. Throws Error for more.
    virtual int most_candidates() const { return 0; }
    void reserve_candidates(int count);

    /// What a stream remembers between plans; for pickling.
    const Memory& memory(int stream) const { return streams_[stream]; }
    void set_memory(int stream, Memory memory);

    /// What the last plan depended on; for planning it again.
    const Decision& decision() const { return decision_; }
    const Plan& last_plan() const { return plan_; }

 protected:
    /// How many numbers of its own a planner remembers between plans.
    struct MemorySize {
        int mean = 0;   // of the mean, usually knots × action_size
        int kept = 0;   // sequences as long as the mean
        int extra = 0;  // more numbers, zero after a reset
    };
    /// Allocates everything that plan() needs. Throws Error for a problem without a reward.
    Planner(const std::shared_ptr<const Problem>& problem, const PlannerSettings& settings, int population, MemorySize remembers);

    // What a planner is made of.
    /// Before a plan that begins `moved` model steps after the last one: shifts what it holds, or begins anew when `warm` is not.
    virtual void begin(Memory& memory, double moved, bool warm) = 0;
    /// Looks for actions from where the rollout has been started and offers the good ones. Returns whether it came to its end:
    /// on false the deadline or the limit of tiles came first.
    virtual bool search(Memory& memory, const PlanRequest& request) = 0;
    /// Averaged actions [horizon, action_size] become ones that may be sent, where not every number between the bounds may.
    virtual void settle(float*) const {}
    /// The actions that a finished search answers with.
    virtual const std::vector<float>& chosen(const Memory&) { return best_; }

    // What it may use.
    /// Finite returns only: remembers the best actions seen, `elements` of them `stride` floats apart. Returns whether they are.
    bool offer(float value, const float* actions, std::int64_t stride = 1);
    /// Moves held actions [horizon, action_size] by `elapsed` model steps.
    void shift(float* actions, double elapsed) const;
    void fill_middle(std::vector<float>& actions) const;
    /// An average of actions may leave the bounds by one rounding.
    float clip(float action, int element) const;
    int elements() const { return elements_; }
    /// Bounds of this plan, [action_size], the middle between them and half the way.
    const std::vector<float>& action_low() const { return low_; }
    const std::vector<float>& action_high() const { return high_; }
    /// Where the plan begins: state [state_size], and the action before it [action_size], null when nobody knows.
    const float* begins() const { return begins_; }
    const float* before() const { return before_; }
    /// The last plan, shifted, or the middle of the bounds.
    const std::vector<float>& fallback() const { return fallback_; }
    const std::vector<float>& middle() const { return mid_; }
    const std::vector<float>& half_range() const { return half_; }
    /// When a search must end so that its answer can be evaluated too.
    std::int64_t search_deadline(const PlanRequest& request) const {
        return request.deadline == kNoDeadline ? kNoDeadline : request.deadline - answer_time_;
    }

    std::shared_ptr<ThreadPool> pool_;
    Rollout rollout_;
    RateLimit limit_;
    RatePenalty penalty_;  // none, unless a planner makes one
    Plan plan_;
    int candidate_count_ = 0;  // of the request, that there is room for

 private:
    void record(const Memory& memory, const PlanRequest& request);
    void set_bounds(const PlanRequest& request);
    void commit(const Memory& memory, const PlanRequest& request);
    const float* command_at(const Memory& memory, double time) const;
    void prepare(Memory& memory, const PlanRequest& request);
    bool look_ahead(const Memory& memory, const PlanRequest& request);
    bool evaluate(const std::vector<float>& actions, std::int64_t deadline);
    void answer(const Memory& memory, const PlanRequest& request, bool complete);

    std::uint64_t seed_;
    bool warm_start_;
    MemorySize remembers_;
    Lead lead_;
    int elements_;                                // horizon × action_size
    std::vector<float> low_, high_, mid_, half_;  // [action_size]
    std::vector<float> best_, fallback_;
    float best_return_ = 0;
    bool any_finite_ = false;
    const float *begins_ = nullptr, *before_ = nullptr;
    std::vector<float> committed_;  // [kMostDelay, action_size]
    AlignedFloats one_, return_, states_, trajectories_;
    std::int64_t answer_time_ = 0;  // of the last evaluation of an answer, nanoseconds
    std::vector<Memory> streams_;
    Decision decision_;
};

}  // namespace mbrl
