// iLQR (Li & Todorov 2004) with control limits (Tassa, Mansard & Todorov 2014): a quadratic model of the return along a
// trajectory, the best change under it, and a line search by rollouts of the true model side by side.
#pragma once

#include "planners/planner.hpp"
#include "planners/riccati.hpp"

namespace mbrl {

struct ILQRSettings : PlannerSettings {
    int iterations = 10;           // at most
    int step_sizes = 8;            // tried at once: 1, 1/2, 1/4, …
    double regularisation = 1e-6;  // the least that is added to the curvature by the actions, grows ×10 when no step is better
    double tolerance = 1e-4;       // relative gain of the return below which it has converged
    double smoothing = 1e-2;       // |z| and √q count as at least this where the model divides by them
    bool feedback = true;          // whether plans carry gains

    void validate() const;  // throws Error
};

class ILQR : public Planner {
 public:
    ILQR(const std::shared_ptr<const Problem>& problem, const ILQRSettings& settings);
    const ILQRSettings& settings() const { return settings_; }
    int most_candidates() const override { return settings_.step_sizes - 1; }

 private:
    void begin(Memory& memory, double moved, bool warm) override;
    bool search(Memory& memory, const PlanRequest& request) override;

    float* row(int element) { return actions_rows_.data() + static_cast<std::ptrdiff_t>(element) * padded_; }
    bool roll_out(int count, const PlanRequest& request);
    int best_of(int count) const;
    void take(int lane);
    bool model(const PlanRequest& request, std::int64_t deadline);
    bool improve(const PlanRequest& request, bool& cut);
    bool gains();

    ILQRSettings settings_;
    QuadraticModel model_;
    Riccati riccati_;
    int padded_;
    AlignedFloats actions_rows_, returns_, states_rows_;
    std::vector<float> actions_, states_, steps_;  // the trajectory: knots, [steps + 1, state_size], actions of every model step
    float value_ = 0;
    double regularisation_ = 0;
};

}  // namespace mbrl
