#include "planners/box_qp.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace mbrl {
namespace {

constexpr int kMostSteps = 50;
constexpr double kArmijo = 0.1;
constexpr double kShrink = 0.6;
constexpr double kLeastStep = 1e-20;
constexpr double kConverged = 1e-10;  // relative change of the value

}  // namespace

BoxQP::BoxQP(int size)
    : size_(size),
      x_(size),
      slope_(size),
      newton_(size),
      trial_(size),
      factor_(static_cast<std::size_t>(size) * size),
      free_(size) {
    index_.reserve(size);
}

bool BoxQP::solve(const double* hessian, const double* gradient, const double* low, const double* high) {
    for (int i = 0; i < size_; ++i) x_[i] = std::clamp(0.0, low[i], high[i]);
    for (int steps = 0; steps < kMostSteps; ++steps) {
        index_.clear();
        for (int i = 0; i < size_; ++i) {
            slope_[i] = gradient[i];
            for (int j = 0; j < size_; ++j) slope_[i] += hessian[i * size_ + j] * x_[j];
            const bool clamped = (x_[i] <= low[i] && slope_[i] > 0) || (x_[i] >= high[i] && slope_[i] < 0);
            free_[i] = !clamped;
            if (!clamped) index_.push_back(i);
        }
        if (!factorise(hessian)) return false;
        if (index_.empty() || !step(hessian, gradient, low, high)) return true;
    }
    return true;
}

/// One projected Newton step. Returns whether it was worth it.
bool BoxQP::step(const double* hessian, const double* gradient, const double* low, const double* high) {
    for (int i = 0; i < size_; ++i) newton_[i] = -slope_[i];
    solve_free(newton_.data(), 1);
    double descent = 0;
    for (int i = 0; i < size_; ++i) descent += newton_[i] * slope_[i];
    const double before = value(hessian, gradient, x_);
    for (double length = 1; descent < 0 && length > kLeastStep; length *= kShrink) {
        for (int i = 0; i < size_; ++i) trial_[i] = std::clamp(x_[i] + length * newton_[i], low[i], high[i]);
        const double gain = before - value(hessian, gradient, trial_);
        if (gain < -kArmijo * length * descent) continue;
        x_.swap(trial_);
        return gain > kConverged * (std::fabs(before) + kConverged);
    }
    return false;
}

double BoxQP::value(const double* hessian, const double* gradient, const std::vector<double>& x) const {
    double sum = 0;
    for (int i = 0; i < size_; ++i) {
        double row = 0;
        for (int j = 0; j < size_; ++j) row += hessian[i * size_ + j] * x[j];
        sum += x[i] * (gradient[i] + 0.5 * row);
    }
    return sum;
}

bool BoxQP::factorise(const double* hessian) {
    const int n = static_cast<int>(index_.size());
    for (int i = 0; i < n; ++i) {
        for (int j = 0; j <= i; ++j) {
            double sum = hessian[index_[i] * size_ + index_[j]];
            for (int k = 0; k < j; ++k) sum -= factor_[i * size_ + k] * factor_[j * size_ + k];
            if (i == j && !(sum > 0 && std::isfinite(sum))) return false;
            factor_[i * size_ + j] = i == j ? std::sqrt(sum) : sum / factor_[j * size_ + j];
        }
    }
    return true;
}

void BoxQP::solve_free(double* rhs, int stride) const {
    const int n = static_cast<int>(index_.size());
    const auto entry = [&](int i) -> double& { return rhs[static_cast<std::ptrdiff_t>(index_[i]) * stride]; };
    for (int i = 0; i < size_; ++i)
        if (!free_[i]) rhs[static_cast<std::ptrdiff_t>(i) * stride] = 0;
    for (int i = 0; i < n; ++i) {
        for (int k = 0; k < i; ++k) entry(i) -= factor_[i * size_ + k] * entry(k);
        entry(i) /= factor_[i * size_ + i];
    }
    for (int i = n - 1; i >= 0; --i) {
        for (int k = i + 1; k < n; ++k) entry(i) -= factor_[k * size_ + i] * entry(k);
        entry(i) /= factor_[i * size_ + i];
    }
}

}  // namespace mbrl
