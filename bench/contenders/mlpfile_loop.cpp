// A plan's model steps and rewards in a plain C++ loop around two networks that mlpfile generated: compiled by peer_mlpfile.py, which
// writes net_a.cpp and net_b.cpp beside its output. One candidate at a time, as mlpfile evaluates.
#include <Eigen/Dense>
#include <cmath>

#define forward forward_a
namespace net_a {
#include "net_a.cpp"
}
#undef forward
#define forward forward_b
namespace net_b {
#include "net_b.cpp"
}
#undef forward

// actions [knots][population][2] held for `repeat` steps; returns [population]; last [population][6]. Once per iteration of a plan.
extern "C" void rollout(const float* state, const float* goal, const float* actions, int knots, int population, int repeat,
                        float* returns, float* last) {
    const float weights[6] = {1.0f, 0.3f, 0.0f, 0.0f, 0.02f, 0.02f};
    for (int n = 0; n < population; ++n) {
        float x[6], total = 0;
        for (int i = 0; i < 6; ++i) x[i] = state[i];
        for (int k = 0; k < knots; ++k) {
            const float* u = actions + 2 * (k * population + n);
            for (int t = 0; t < repeat; ++t) {
                const float seen[6] = {x[2], x[3], x[4], x[5], u[0], u[1]};
                float a[36], b[12], next[6], distance = 0;
                net_a::forward_a(seen, a);
                net_b::forward_b(seen, b);
                for (int i = 0; i < 6; ++i) {
                    float change = b[2 * i] * u[0] + b[2 * i + 1] * u[1];
                    for (int j = 0; j < 6; ++j) change += a[6 * i + j] * x[j];
                    next[i] = x[i] + 0.2f * change;
                    distance += weights[i] * std::fabs(next[i] - goal[i]);
                }
                for (int i = 0; i < 6; ++i) x[i] = next[i];
                total -= std::sqrt(distance);
            }
        }
        returns[n] = total;
        for (int i = 0; i < 6; ++i) last[6 * n + i] = x[i];
    }
}
