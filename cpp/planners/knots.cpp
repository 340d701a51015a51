#include "planners/knots.hpp"

#include <algorithm>
#include <cmath>

#include "core/check.hpp"
#include "core/exact.hpp"

namespace mbrl {
namespace {

constexpr std::int64_t kMostDense = 10000000;  // weights of the one kind of W that has no zeros

/// Where each of `parts` parts begins and the last one ends, from 0 to `total` >= parts: each `growth` times as long as the one
/// before it, rounded to whole steps, none without a step.
std::vector<int> boundaries(int parts, int total, double growth) {
    std::vector<double> shrinking(static_cast<std::size_t>(parts) + 1, 1.0);  // growth^−k: cannot overflow
    for (int k = 1; k <= parts; ++k) shrinking[k] = shrinking[k - 1] / growth;
    std::vector<int> begins(static_cast<std::size_t>(parts) + 1, 0);
    for (int k = 1; k <= parts; ++k) {
        const double share =
            growth == 1 ? static_cast<double>(k) / parts : (shrinking[parts - k] - shrinking[parts]) / (1 - shrinking[parts]);
        const int rounded = static_cast<int>(std::floor(share * total + 0.5));
        begins[k] = std::clamp(rounded, begins[k - 1] + 1, total - (parts - k));
    }
    return begins;
}

/// Lower Cholesky factor [size, size] of a positive definite matrix, in place.
void factorise(std::vector<double>& matrix, int size) {
    for (int i = 0; i < size; ++i) {
        for (int j = 0; j <= i; ++j) {
            double sum = matrix[i * size + j];
            for (int k = 0; k < j; ++k) sum -= matrix[i * size + k] * matrix[j * size + k];
            matrix[i * size + j] = i == j ? std::sqrt(sum) : sum / matrix[j * size + j];
        }
    }
}

/// x ← (L·Lᵀ)⁻¹·x
void solve(const std::vector<double>& factor, int size, std::vector<double>& x) {
    for (int i = 0; i < size; ++i) {
        for (int k = 0; k < i; ++k) x[i] -= factor[i * size + k] * x[k];
        x[i] /= factor[i * size + i];
    }
    for (int i = size - 1; i >= 0; --i) {
        for (int k = i + 1; k < size; ++k) x[i] -= factor[k * size + i] * x[k];
        x[i] /= factor[i * size + i];
    }
}

double gaussian(double distance, double width) {
    const double exponent = distance * distance / (2 * width * width);
    return exponent < 600 ? exact::exp(-exponent) : 0;
}

}  // namespace

Knots::Knots(const SamplingSettings& s) {
    if (s.interpolation == Interpolation::hold && s.knot_growth == 1) return;
    const int steps = s.horizon * s.steps_per_knot;
    rows_.reserve(steps);
    if (s.interpolation == Interpolation::hold) {
        at_ = boundaries(s.horizon, steps, s.knot_growth);
        for (int k = 0; k < s.horizon; ++k) lasts_.push_back(at_[k + 1] - at_[k]);
        at_.pop_back();
    } else {
        at_ = s.horizon == 1 ? std::vector<int>{0} : boundaries(s.horizon - 1, steps - 1, s.knot_growth);
        lasts_.assign(s.horizon, 1);
    }
    if (s.interpolation == Interpolation::rbf) {
        rbf(s.kernel_width, steps);
        return;
    }
    for (int step = 0, knot = 0; step < steps; ++step) {
        while (knot + 1 < s.horizon && at_[knot + 1] <= step) ++knot;
        if (s.interpolation == Interpolation::hold || at_[knot] == step || s.horizon == 1)
            hold(knot);
        else if (s.interpolation == Interpolation::linear)
            linear(step, knot);
        else
            cubic(step, knot);
    }
}

void Knots::add_row(int first, const std::vector<double>& weights) {
    rows_.push_back({first, static_cast<int>(weights.size()), static_cast<std::int64_t>(weights_.size())});
    for (const double weight : weights) weights_.push_back(static_cast<float>(weight));
}

void Knots::hold(int knot) { add_row(knot, {1.0}); }

/// Between `knot` and the next one, as all that follow.
void Knots::linear(int step, int knot) {
    const double part = static_cast<double>(step - at_[knot]) / (at_[knot + 1] - at_[knot]);
    add_row(knot, {1 - part, part});
}

/// Hermite's cubic whose slope at a knot is the mean of the slopes to its neighbours (Catmull and Rom's where they are equally
/// far), at the ends the one slope that there is: mujoco_mpc's.
void Knots::cubic(int step, int knot) {
    const int last = knots() - 1, first = std::max(knot - 1, 0), end = std::min(knot + 2, last);
    const double span = at_[knot + 1] - at_[knot], x = (step - at_[knot]) / span;
    std::vector<double> weights(static_cast<std::size_t>(end - first) + 1);
    const auto add = [&](int k, double weight) { weights[k - first] += weight; };
    const auto add_slope = [&](int k, double weight) {
        const double share = k == 0 || k == last ? 1 : 0.5;
        for (const int from : {k - 1, k}) {
            if (from < 0 || from == last) continue;
            const double slope = share * weight / (at_[from + 1] - at_[from]);
            add(from + 1, slope);
            add(from, -slope);
        }
    };
    add(knot, (2 * x - 3) * x * x + 1);
    add(knot + 1, (3 - 2 * x) * x * x);
    add_slope(knot, span * ((x - 2) * x + 1) * x);
    add_slope(knot + 1, span * (x - 1) * x * x);
    add_row(first, weights);
}

/// u(t) = K(t, knots) · K(knots, knots)⁻¹ · knots with a Gaussian kernel (KMPPI of pytorch_mppi). Distance is counted in
/// knots: where knots lie further apart the kernel is wider.
void Knots::rbf(double width, int steps) {
    const int size = knots();
    check(std::int64_t{size} * steps <= kMostDense,
          "with interpolation 'rbf' horizon * horizon * steps_per_knot must be <= ", kMostDense, ", got ",
          std::int64_t{size} * steps);
    std::vector<double> factor(static_cast<std::size_t>(size) * size), weights(size);
    for (int i = 0; i < size; ++i)
        for (int j = 0; j < size; ++j) factor[static_cast<std::size_t>(i) * size + j] = gaussian(i - j, width);
    factorise(factor, size);
    for (int step = 0, knot = 0; step < steps; ++step) {
        while (knot + 1 < size && at_[knot + 1] <= step) ++knot;
        const double part = knot + 1 < size ? static_cast<double>(step - at_[knot]) / (at_[knot + 1] - at_[knot]) : 0;
        for (int j = 0; j < size; ++j) weights[j] = gaussian(knot + part - j, width);
        if (part > 0) {
            solve(factor, size, weights);
            add_row(0, weights);
        } else {
            hold(knot);
        }
    }
}

/// Products and sums in the order of the knots, never fused: the same bits with every instruction set.
void Knots::expand(const float* knots, float* actions, std::int64_t stride, int count, const std::vector<float>& low,
                   const std::vector<float>& high) const {
    const int size = static_cast<int>(low.size());
    for (const Row& row : rows_) {
        const float* weights = weights_.data() + row.at;
        for (int a = 0; a < size; ++a, actions += stride) {
            const float* from = knots + (std::int64_t{row.first} * size + a) * stride;
            float* __restrict to = actions;
            if (row.count == 1) {
                for (int n = 0; n < count; ++n) to[n] = from[n] * weights[0];
            } else {  // at least two
                const float *next = from + size * stride, w0 = weights[0], w1 = weights[1];
                for (int n = 0; n < count; ++n) to[n] = from[n] * w0 + next[n] * w1;
            }
            for (int j = 2; j < row.count; ++j) {
                const float *knot = from + j * size * stride, w = weights[j];
                for (int n = 0; n < count; ++n) to[n] += knot[n] * w;
            }
            const float least = low[a], most = high[a];
            for (int n = 0; n < count; ++n) {
                const float u = to[n] < least ? least : to[n];
                to[n] = u > most ? most : u;
            }
        }
    }
}

float Knots::read(const float* actions, int element, int action_size) const {
    const int knot = element / action_size;
    const float* at = actions + std::int64_t{at_[knot]} * action_size + element % action_size;
    float sum = at[0];
    for (int i = 1; i < lasts_[knot]; ++i) sum += at[std::int64_t{i} * action_size];
    return sum / static_cast<float>(lasts_[knot]);
}

}  // namespace mbrl
