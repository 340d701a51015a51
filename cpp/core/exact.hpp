// Elementary functions in double precision whose bits are the same with every compiler and C library: sums, products,
// quotients and moves of the exponent only. For the few numbers that are computed once, at construction.
#pragma once

#include <cmath>
#include <cstdint>

namespace mbrl::exact {

inline constexpr double kLn2 = 0.69314718055994530942;

/// Natural logarithm of a positive number: exponent · ln 2 + 2·artanh((m - 1)/(m + 1)), m in [√½, √2).
inline double log(double x) {
    int exponent = 0;
    double m = std::frexp(x, &exponent);  // exact, as is ldexp
    if (m < 0.70710678118654752440) m *= 2, exponent -= 1;
    const double s = (m - 1) / (m + 1), z = s * s;
    double sum = 0;
    for (int k = 25; k >= 1; k -= 2) sum = sum * z + 1.0 / k;
    return exponent * kLn2 + 2 * s * sum;
}

/// e^x for |x| < 700.
inline double exp(double x) {
    const double n = std::floor(x / kLn2 + 0.5), r = x - n * kLn2;
    double sum = 1;
    for (int k = 16; k >= 1; --k) sum = sum * r / k + 1;
    return std::ldexp(sum, static_cast<int>(n));
}

/// base^exponent of a positive base.
inline double power(double base, double exponent) { return exp(exponent * log(base)); }

/// cos(π · numerator / denominator), 0 <= numerator, 0 < denominator. Reduced to an eighth of a turn in whole numbers.
inline double cos_pi(std::int64_t numerator, std::int64_t denominator) {
    std::int64_t part = numerator % (2 * denominator);
    if (part > denominator) part = 2 * denominator - part;
    const double sign = 2 * part > denominator ? -1 : 1;
    if (sign < 0) part = denominator - part;
    const bool sine = 4 * part > denominator;  // cos(π/2 - x) = sin x
    const double x = 3.14159265358979323846 *
                     (sine ? 0.5 * static_cast<double>(denominator - 2 * part) : static_cast<double>(part)) /
                     static_cast<double>(denominator);
    double sum = 1;
    for (int k = 20 + sine; k >= 2; k -= 2) sum = 1 - sum * x * x / (k * (k - 1));
    return sign * (sine ? sum * x : sum);
}

}  // namespace mbrl::exact
