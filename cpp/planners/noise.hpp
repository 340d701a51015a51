// Keyed noise: the numbers that a planner draws, for anyone who wants the same ones.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace mbrl {

/// Philox key of a (seed, stream): every stream of every seed is its own sequence.
std::array<std::uint32_t, 2> noise_key(std::uint64_t seed, std::uint32_t stream);

/// Standard normals for candidates [first, first + width): element e of them at rows + e·stride + first, where there must be
/// room for the elements rounded up to 4. `first` and `width` are multiples of the vector length.
void draw_normals(std::array<std::uint32_t, 2> key, std::uint32_t plan, std::uint32_t iteration, int elements, int first, int width,
                  float* rows, std::int64_t stride);

/// Lower Cholesky factor [size, size] of the unit-variance covariance whose power spectrum is 1/f^beta, sampled at the
/// frequencies k/(2·size) and flat below the first (cf. Timmer & König 1995; Pinneri et al. 2020, §3.1). Twice the size,
/// because noise drawn at `size` frequencies is periodic: it would tie the end of a plan to its beginning.
std::vector<float> coloured_noise_factor(int size, double beta);

}  // namespace mbrl
