// The backward pass of iLQR: from a quadratic model along a trajectory to changes of its actions and gains of feedback.
#pragma once

#include <vector>

#include "planners/box_qp.hpp"
#include "problem/quadratic.hpp"

namespace mbrl {

/// Actions are held for knots: the state that is propagated is y = (x, p), p the action in force before the step, so that a model
/// step within a knot only carries the action on, and rewards of its change cost nothing more.
class Riccati {
 public:
    Riccati(int state_size, int action_size, int horizon, int steps_per_knot, double discount);

    /// Around `actions` [horizon, action_size], whose model has been run for every step; the changes stay within low and high
    /// [action_size] (Tassa, Mansard & Todorov 2014). Returns false when the model with `regularisation` added to the curvature
    /// by the actions was not convex.
    bool backward(const QuadraticModel& model, const std::vector<float>& actions, const float* low, const float* high,
                  double regularisation);

    /// What the model says the whole change gains, ≥ 0.
    double expected_gain() const { return expected_; }
    /// [horizon, action_size], along the model's own deviations of the state.
    const std::vector<double>& changes() const { return changes_; }
    /// [horizon, action_size, state_size]: u + gain·(x − x̄) is the best action near the trajectory, to first order.
    const std::vector<float>& gains() const { return gains_; }

 private:
    void expand(const QuadraticModel& model, int step);
    bool decide(int knot, const float* actions, const float* low, const float* high, double regularisation);
    void carry();
    void forward(const QuadraticModel& model, const std::vector<float>& actions, const float* low, const float* high);
    double& z(int i, int j) { return hessian_[static_cast<std::size_t>(i) * variables_ + j]; }

    int n_, m_, horizon_, held_;
    int y_, variables_;                       // n + m, and n + m + m: z = (x, u, p)
    std::vector<double> discounts_;           // [steps + 1]
    std::vector<double> value_;               // V's gradient by y
    std::vector<double> curvature_;           // and its second derivative [y, y]
    std::vector<double> slope_, hessian_;     // Q's by z
    std::vector<double> jacobian_, product_;  // of y' by z [y, z]; V'' times it
    std::vector<double> open_, closed_;       // k [horizon, m], K [horizon, m, y]
    std::vector<double> changes_, deviation_, next_;
    std::vector<double> h_, low_, high_;
    std::vector<float> gains_;
    BoxQP box_;
    double expected_ = 0;
};

}  // namespace mbrl
