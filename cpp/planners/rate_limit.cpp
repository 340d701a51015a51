#include "planners/rate_limit.hpp"

#include <algorithm>
#include <cmath>

#include "core/check.hpp"

namespace mbrl {

RateLimit::RateLimit(const Problem& problem, const std::vector<double>& rates, double knot_seconds) {
    if (rates.empty()) return;
    check(rates.size() == 1 || static_cast<int>(rates.size()) == problem.action_size, "max_rate must be one number or ",
          problem.action_size, ", one for each action, got ", rates.size());
    low_ = problem.action_low;
    high_ = problem.action_high;
    for (int a = 0; a < problem.action_size; ++a) {
        rates_.push_back(rates.size() == 1 ? rates[0] : rates[a]);
        knot_.push_back(most_change(rates_[a], knot_seconds, std::max(std::fabs(low_[a]), std::fabs(high_[a]))));
    }
    first_ = knot_;
    previous_.resize(knot_.size());
}

/// A little less than rate · seconds: what rounding adds to a sum of numbers up to `scale` must not break the limit.
float RateLimit::most_change(double rate, double seconds, double scale) const {
    const double exact = std::min(rate * seconds, 4 * scale);
    return static_cast<float>(std::max(exact - scale * 0x1p-21, 0.0));
}

void RateLimit::begin(const float* previous_action, double seconds) {
    if (!*this) return;
    free_ = previous_action == nullptr;
    for (std::size_t a = 0; !free_ && a < previous_.size(); ++a) {
        previous_[a] = previous_action[a];
        const float scale = std::max({std::fabs(low_[a]), std::fabs(high_[a]), std::fabs(previous_[a])});
        first_[a] = most_change(rates_[a], seconds, scale);
    }
}

void RateLimit::within(const std::vector<float>& low, const std::vector<float>& high) {
    if (!*this) return;
    low_ = low;
    high_ = high;
}

void RateLimit::apply(float* actions, std::int64_t stride, int horizon, int count) const {
    if (!*this) return;
    const int size = static_cast<int>(knot_.size());
    for (int h = 0; h < horizon; ++h) {
        for (int a = 0; a < size; ++a) {
            float* row = actions + (std::int64_t{h} * size + a) * stride;
            if (h > 0)
                clip(row, row - size * stride, 1, knot_[a], a, count);
            else if (!free_)
                clip(row, &previous_[a], 0, first_[a], a, count);
        }
    }
}

/// The bounds come last: an executed action outside of them is left as fast as they ask for.
void RateLimit::clip(float* row, const float* before, std::int64_t advance, float most, int action, int count) const {
    const float low = low_[action], high = high_[action];
    for (int n = 0; n < count; ++n) {
        const float from = before[n * advance];
        float u = row[n];
        u = u < from - most ? from - most : u;
        u = u > from + most ? from + most : u;
        u = u < low ? low : u;
        row[n] = u > high ? high : u;
    }
}

}  // namespace mbrl
