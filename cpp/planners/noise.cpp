#include "planners/noise.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/dispatch.hpp"
#include "core/exact.hpp"

namespace mbrl {
namespace {

/// A whisker of white noise keeps the covariance of steep spectra positive definite.
constexpr double kJitter = 1e-6;

}  // namespace

std::array<std::uint32_t, 2> noise_key(std::uint64_t seed, std::uint32_t stream) {
    // SplitMix64's finaliser (Steele et al. 2014) over both words: neighbouring seeds and streams share nothing.
    const auto mix = [](std::uint64_t z) {
        z += 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return z ^ (z >> 31);
    };
    const std::uint64_t key = mix(mix(seed) + stream);
    return {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)};
}

void draw_normals(std::array<std::uint32_t, 2> key, std::uint32_t plan, std::uint32_t iteration, int elements, int first, int width,
                  float* rows, std::int64_t stride) {
    NoiseArgs args{};
    args.key[0] = key[0];
    args.key[1] = key[1];
    args.plan = plan;
    args.iteration = iteration;
    args.blocks = (elements + 3) / 4;
    args.first_candidate = static_cast<std::uint32_t>(first);
    args.rows = rows + first;
    args.stride = stride;
    args.width = width;
    kernels().normals(args);
}

std::vector<float> coloured_noise_factor(int size, double beta) {
    std::vector<double> correlation(size);  // of two knots, by their distance
    for (int k = 0; k <= size; ++k) {
        const double pairs = k == 0 || k == size ? 1 : 2;  // each frequency between the ends stands for ±f
        const double power = pairs * exact::power(std::max(k, 1) / (2.0 * size), -beta);
        for (int d = 0; d < size; ++d) correlation[d] += power * exact::cos_pi(std::int64_t{k} * d, size);
    }
    const double variance = correlation[0];
    std::vector<double> factor(static_cast<std::size_t>(size) * size);
    for (int i = 0; i < size; ++i) {
        for (int j = 0; j <= i; ++j) {
            double sum = correlation[i - j] / variance + (i == j ? kJitter : 0);
            for (int k = 0; k < j; ++k) sum -= factor[i * size + k] * factor[j * size + k];
            factor[i * size + j] = i == j ? std::sqrt(sum) : sum / factor[j * size + j];
        }
    }
    return {factor.begin(), factor.end()};
}

}  // namespace mbrl
