// The fused multiply-add of the scalar kernels (MBRL_FAST_ISA=scalar) against libm's, bit by bit: random numbers, and those made
// to fall on and beside the middle between two floats, where rounding twice goes wrong.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>

#include "core/denormals.hpp"
#include "test.hpp"

#define MBRL_SCALAR_FMA 1
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace {
#include "kernels/simd.hpp"

float any_float(std::mt19937& random) {
    const std::uint32_t word = static_cast<std::uint32_t>(random());
    float x;
    std::memcpy(&x, &word, sizeof x);
    return x;
}

bool same_bits(float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b)); }

void expect_equal(float a, float b, float c) {
    const float got = fma_lane(a, b, c), exact = std::fma(a, b, c);
    EXPECT(same_bits(got, exact), a, " * ", b, " + ", c, " = ", got, ", not ", exact);
}

TEST(any_three_floats) {
    std::mt19937 random(1);
    for (int i = 0; i < 3000000; ++i) expect_equal(any_float(random), any_float(random), any_float(random));
}

TEST(sums_that_nearly_cancel_or_nearly_vanish_in_each_other) {
    std::mt19937 random(2);
    std::uniform_real_distribution<float> number(-2, 2);
    std::uniform_int_distribution<int> exponent(-60, 60);
    for (int i = 0; i < 3000000; ++i) {
        const float a = number(random), b = number(random);
        const float c = i % 2 ? std::nextafter(-a * b, number(random)) : std::ldexp(number(random), exponent(random));
        expect_equal(a, b, c);
    }
}

TEST(products_beside_the_middle_between_two_floats) {
    std::mt19937 random(3);
    for (int i = 0; i < 1000000; ++i) {
        // c has 24 bits, a·b is half its last place and a little more, less, or nothing.
        const float c = 1.0f + static_cast<float>(random() % (1 << 23)) * 0x1p-23f;
        const float half = 0x1p-24f, little = std::ldexp(1.0f, -static_cast<int>(random() % 23));
        for (float a : {half, half * (1 + little), half * (1 - little / 2), -half, -half * (1 + little)})
            for (float b : {1.0f, 1 + 0x1p-23f, 1 - 0x1p-24f}) expect_equal(a, b, c), expect_equal(a, b, -c);
    }
}

TEST(overflow_zeros_infinities_and_nan) {
    const float infinity = HUGE_VALF, most = std::numeric_limits<float>::max();
    const float values[] = {0.0f, -0.0f, 1.0f, -1.0f, most, -most, infinity, -infinity, NAN, 0x1p-126f, 0x1p103f, -0x1p103f, 0.5f};
    for (float a : values)
        for (float b : values)
            for (float c : values) expect_equal(a, b, c);
}

#if defined(__x86_64__)
__attribute__((target("fma"))) float hardware_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
bool has_hardware_fma() { return __builtin_cpu_supports("fma"); }
#else
float hardware_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
bool has_hardware_fma() { return true; }
#endif

/// With denormals flushed, as in planning, operands and results vanish in the same places.
TEST(flushed_denormals) {
    if (!has_hardware_fma()) return std::puts("  this processor has no fused multiply-add to compare with"), void();
    const mbrl::FlushDenormals flush;
    std::mt19937 random(4);
    std::uniform_int_distribution<int> exponent(-80, -50), denormal(-140, -120);
    std::uniform_real_distribution<float> number(-2, 2);
    for (int i = 0; i < 1000000; ++i) {
        const float a = std::ldexp(number(random), exponent(random)), b = std::ldexp(number(random), exponent(random));
        const float c = i % 3 ? std::ldexp(number(random), denormal(random)) : 0.0f;
        const float got = fma_lane(a, b, c), exact = hardware_fma(a, b, c);
        EXPECT(same_bits(got, exact), a, " * ", b, " + ", c, " = ", got, ", not ", exact);
    }
}

}  // namespace

TEST_MAIN
