#include "planners/rate_penalty.hpp"

#include <algorithm>

namespace mbrl {

RatePenalty::RatePenalty(const Problem& problem, double weight)
    : weight_(static_cast<float>(weight)), previous_(problem.action_size) {
    for (int a = 0; a < problem.action_size; ++a) {
        const float half = 0.5f * problem.action_high[a] - 0.5f * problem.action_low[a];
        scale_.push_back(half > 1e-30f ? 1 / half : 0);  // an action that cannot change costs nothing
    }
}

void RatePenalty::begin(const float* previous_action) {
    if (!*this) return;
    known_ = previous_action != nullptr;
    if (known_) std::copy_n(previous_action, previous_.size(), previous_.begin());
}

void RatePenalty::measure(const float* actions, std::int64_t stride, int rows, int count, float* costs) const {
    const int size = static_cast<int>(scale_.size());
    std::fill_n(costs, count, 0.0f);
    for (int h = known_ ? 0 : 1; h < rows; ++h) {
        for (int a = 0; a < size; ++a) {
            const float* row = actions + (std::int64_t{h} * size + a) * stride;
            const float scale = scale_[a];
            if (h == 0) {
                const float before = previous_[a];
                for (int n = 0; n < count; ++n) costs[n] += (row[n] - before) * scale * ((row[n] - before) * scale);
            } else {
                const float* before = row - size * stride;
                for (int n = 0; n < count; ++n) costs[n] += (row[n] - before[n]) * scale * ((row[n] - before[n]) * scale);
            }
        }
    }
    for (int n = 0; n < count; ++n) costs[n] *= weight_;
}

}  // namespace mbrl
