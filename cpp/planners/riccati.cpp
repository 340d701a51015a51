#include "planners/riccati.hpp"

#include <algorithm>

namespace mbrl {

Riccati::Riccati(int state_size, int action_size, int horizon, int steps_per_knot, double discount)
    : n_(state_size),
      m_(action_size),
      horizon_(horizon),
      held_(steps_per_knot),
      y_(n_ + m_),
      variables_(n_ + 2 * m_),
      value_(y_),
      curvature_(static_cast<std::size_t>(y_) * y_),
      slope_(variables_),
      hessian_(static_cast<std::size_t>(variables_) * variables_),
      jacobian_(static_cast<std::size_t>(y_) * variables_),
      product_(jacobian_.size()),
      open_(static_cast<std::size_t>(horizon) * m_),
      closed_(static_cast<std::size_t>(horizon) * m_ * y_),
      changes_(open_.size()),
      deviation_(y_),
      next_(y_),
      h_(static_cast<std::size_t>(m_) * m_),
      low_(m_),
      high_(m_),
      gains_(static_cast<std::size_t>(horizon) * m_ * n_),
      box_(m_) {
    double factor = 1;
    for (int t = 0; t <= horizon * steps_per_knot; ++t, factor *= discount) discounts_.push_back(factor);
}

bool Riccati::backward(const QuadraticModel& model, const std::vector<float>& actions, const float* low, const float* high,
                       double regularisation) {
    std::fill(value_.begin(), value_.end(), 0.0);
    std::fill(curvature_.begin(), curvature_.end(), 0.0);
    const double end = discounts_.back();
    for (int i = 0; i < n_; ++i) {
        value_[i] = -end * model.terminal_gradient()[i];
        for (int j = 0; j < n_; ++j) curvature_[i * y_ + j] = end * model.terminal_curvature()[i * n_ + j];
    }
    expected_ = 0;
    for (int step = horizon_ * held_ - 1; step >= 0; --step) {
        expand(model, step);
        if (step % held_ != 0)
            carry();
        else if (!decide(step / held_, actions.data() + static_cast<std::ptrdiff_t>(step / held_) * m_, low, high, regularisation))
            return false;
    }
    forward(model, actions, low, high);
    return true;
}

/// Q of one step: slope_ and hessian_ by z = (x, u, p), of the cost.
void Riccati::expand(const QuadraticModel& model, int step) {
    const int given = model.variables();  // without p where no program reads it
    const double factor = discounts_[step];
    const float* gradient = model.gradient().data() + static_cast<std::ptrdiff_t>(step) * given;
    const float* curvature = model.curvature().data() + static_cast<std::ptrdiff_t>(step) * given * given;
    const float* dynamics = model.jacobian().data() + static_cast<std::ptrdiff_t>(step) * n_ * given;
    std::fill(slope_.begin(), slope_.end(), 0.0);
    std::fill(hessian_.begin(), hessian_.end(), 0.0);
    std::fill(jacobian_.begin(), jacobian_.end(), 0.0);
    for (int i = 0; i < given; ++i) {
        slope_[i] = -factor * gradient[i];
        for (int j = 0; j < given; ++j) z(i, j) = factor * curvature[i * given + j];
    }
    for (int i = 0; i < n_; ++i)
        for (int j = 0; j < given; ++j) jacobian_[i * variables_ + j] = dynamics[i * given + j];
    for (int a = 0; a < m_; ++a) jacobian_[(n_ + a) * variables_ + n_ + a] = 1;
    for (int i = 0; i < y_; ++i) {
        for (int j = 0; j < variables_; ++j) {
            double sum = 0;
            for (int k = 0; k < y_; ++k) sum += curvature_[i * y_ + k] * jacobian_[k * variables_ + j];
            product_[i * variables_ + j] = sum;
        }
    }
    for (int i = 0; i < variables_; ++i) {
        for (int k = 0; k < y_; ++k) {
            const double through = jacobian_[k * variables_ + i];
            if (through == 0) continue;
            slope_[i] += through * value_[k];
            for (int j = 0; j < variables_; ++j) z(i, j) += through * product_[k * variables_ + j];
        }
    }
}

/// Within a knot the action is the one in force: u = p.
void Riccati::carry() {
    const auto of = [&](int i) { return i < n_ ? i : i + m_; };  // y's entry i in z
    for (int i = 0; i < y_; ++i) {
        value_[i] = slope_[of(i)] + (i >= n_ ? slope_[i] : 0);
        for (int j = 0; j < y_; ++j) {
            double sum = z(of(i), of(j));
            if (i >= n_) sum += z(i, of(j));
            if (j >= n_) sum += z(of(i), j);
            if (i >= n_ && j >= n_) sum += z(i, j);
            curvature_[i * y_ + j] = sum;
        }
    }
}

/// Minimises Q over u within the bounds.
bool Riccati::decide(int knot, const float* actions, const float* low, const float* high, double regularisation) {
    const auto of = [&](int i) { return i < n_ ? i : i + m_; };
    for (int a = 0; a < m_; ++a) {
        for (int b = 0; b < m_; ++b) h_[a * m_ + b] = z(n_ + a, n_ + b) + (a == b ? regularisation : 0);
        low_[a] = static_cast<double>(low[a]) - actions[a];
        high_[a] = static_cast<double>(high[a]) - actions[a];
    }
    if (!box_.solve(h_.data(), slope_.data() + n_, low_.data(), high_.data())) return false;
    double* k = open_.data() + static_cast<std::ptrdiff_t>(knot) * m_;
    double* gain = closed_.data() + static_cast<std::ptrdiff_t>(knot) * m_ * y_;
    std::copy(box_.x().begin(), box_.x().end(), k);
    for (int j = 0; j < y_; ++j) {
        for (int a = 0; a < m_; ++a) gain[a * y_ + j] = -z(n_ + a, of(j));
        box_.solve_free(gain + j, y_);
    }
    for (int a = 0; a < m_; ++a) {
        double bend = 0;
        for (int b = 0; b < m_; ++b) bend += z(n_ + a, n_ + b) * k[b];
        expected_ -= k[a] * (slope_[n_ + a] + 0.5 * bend);
        for (int i = 0; i < n_; ++i)
            gains_[(static_cast<std::size_t>(knot) * m_ + a) * n_ + i] = static_cast<float>(gain[a * y_ + i]);
    }
    for (int i = 0; i < y_; ++i) {
        double slope = slope_[of(i)];
        for (int a = 0; a < m_; ++a) {
            double pull = slope_[n_ + a];
            for (int b = 0; b < m_; ++b) pull += z(n_ + a, n_ + b) * k[b];
            slope += gain[a * y_ + i] * pull + z(of(i), n_ + a) * k[a];
        }
        value_[i] = slope;
        for (int j = 0; j < y_; ++j) {
            double sum = z(of(i), of(j));
            for (int a = 0; a < m_; ++a) {
                double through = z(n_ + a, of(j));
                for (int b = 0; b < m_; ++b) through += z(n_ + a, n_ + b) * gain[b * y_ + j];
                sum += gain[a * y_ + i] * through + z(of(i), n_ + a) * gain[a * y_ + j];
            }
            curvature_[i * y_ + j] = sum;
        }
    }
    return true;
}

/// The changes along the model's own deviations: what the feedback makes of them, within the bounds.
void Riccati::forward(const QuadraticModel& model, const std::vector<float>& actions, const float* low, const float* high) {
    const int given = model.variables();
    std::fill(deviation_.begin(), deviation_.end(), 0.0);
    for (int step = 0; step < horizon_ * held_; ++step) {
        const int knot = step / held_;
        double* change = changes_.data() + static_cast<std::ptrdiff_t>(knot) * m_;
        for (int a = 0; step % held_ == 0 && a < m_; ++a) {
            const int e = knot * m_ + a;
            change[a] = open_[e];
            for (int j = 0; j < y_; ++j) change[a] += closed_[static_cast<std::size_t>(e) * y_ + j] * deviation_[j];
            change[a] = std::clamp(change[a], static_cast<double>(low[a]) - actions[e], static_cast<double>(high[a]) - actions[e]);
        }
        const float* dynamics = model.jacobian().data() + static_cast<std::ptrdiff_t>(step) * n_ * given;
        for (int i = 0; i < n_; ++i) {
            double sum = 0;
            for (int j = 0; j < n_; ++j) sum += dynamics[i * given + j] * deviation_[j];
            for (int a = 0; a < m_; ++a) sum += dynamics[i * given + n_ + a] * change[a];
            for (int a = 0; given > y_ && a < m_; ++a) sum += dynamics[i * given + y_ + a] * deviation_[n_ + a];
            next_[i] = sum;
        }
        std::copy_n(next_.begin(), n_, deviation_.begin());
        std::copy_n(change, m_, deviation_.begin() + n_);
    }
}

}  // namespace mbrl
