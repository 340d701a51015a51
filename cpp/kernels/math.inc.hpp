// Polynomials for the planning path: no libm, so that every machine computes the same bits.
// Coefficients: Cephes (S. Moshier) for log, tanh, atan, asin; minimax fits in the style of N. Juffa for erf, sin, cos.
// Denormals count as zero: every caller flushes them (core/denormals.hpp), so no function handles them.
// Errors against double precision are measured in tests/cpp/test_math.cpp; ARCHITECTURE.md lists them.

typedef double vd __attribute__((vector_size(MBRL_LANES * 8)));
static inline vd to_double(vf x) { return __builtin_convertvector(x, vd); }

static inline vf vabs(vf x) { return floats(bits(x) & 0x7fffffff); }
static inline vf with_sign(vf magnitude, vf sign) {
    return floats((bits(magnitude) & 0x7fffffff) | (bits(sign) & splat_int(INT32_MIN)));
}
/// Whether any lane of a comparison holds.
static inline bool any(vi mask) {
#if defined(__AVX512F__)
    return _mm512_test_epi32_mask(reinterpret_cast<__m512i>(mask), reinterpret_cast<__m512i>(mask)) != 0;
#elif defined(__AVX2__) && defined(__FMA__)
    return _mm256_movemask_ps(reinterpret_cast<__m256>(mask)) != 0;
#elif defined(__aarch64__)
    return vmaxvq_u32(reinterpret_cast<uint32x4_t>(mask)) != 0;
#else
    return _mm_movemask_ps(reinterpret_cast<__m128>(mask)) != 0;
#endif
}
static inline vf keep_nan(vf x, vf result) { return select(x != x, x, result); }

/// Σ coefficients[i]·x^(n-1-i) by Horner's rule, highest power first.
template <int n>
static inline vf polynomial(vf x, const float (&coefficients)[n]) {
    vf sum = splat(coefficients[0]);
    for (int i = 1; i < n; ++i) sum = fma(sum, x, splat(coefficients[i]));
    return sum;
}

/// Nearest integer, ties to even: adding 2^23 leaves no fraction bits; from there on there are none anyway.
static inline vf vround(vf x) {
    const vf big = splat(8388608.0f);
    const vf a = vabs(x);
    return select(a < big, with_sign((a + big) - big, x), x);
}
static inline vf vfloor(vf x) {
    const vf r = vround(x);
    return select(r > x, r - 1.0f, r);
}
static inline vf vceil(vf x) { return -vfloor(-x); }
static inline vf vtrunc(vf x) { return with_sign(vfloor(vabs(x)), x); }
static inline vf vsign(vf x) { return keep_nan(x, truth(x > 0.0f) - truth(x < 0.0f)); }

/// p·2^n for integer-valued n in [-252, 252], in two factors so that neither overflows.
static inline vf scale_by_power_of_two(vf p, vi n) {
    const vi half = n >> 1;
    return p * floats((half + 127) << 23) * floats((n - half + 127) << 23);
}

/// e^x = mantissa·scale to 4e-7 of its value, for activations, which need no more: one term and one half of ln 2 less than `vexp`.
/// The scale 2^n is made of the low bits of `shifted`, for x in [-88, 89]: from 0 below the normal numbers to infinity above. A
/// NaN stays one. Several vectors at a time, stage by stage: one would spend most of its time waiting for itself.
template <int vectors>
static inline void exp_parts(const vf (&x)[vectors], vf (&mantissa)[vectors], vf (&scale)[vectors]) {
    const vf magic = splat(12582912.0f + 127.0f);  // 1.5·2^23 rounds to an integer, and leaves it in the low bits
    vf r[vectors], shifted[vectors];
    for (int v = 0; v < vectors; ++v) r[v] = less_or_second(splat(89.0f), greater_or_second(splat(-88.0f), x[v]));
    for (int v = 0; v < vectors; ++v) shifted[v] = fma(r[v], splat(1.44269504f), magic);
    for (int v = 0; v < vectors; ++v) {
        const vf n = shifted[v] - magic;
#if MBRL_FUSED
        r[v] = fma(n, splat(-0.693147182f), r[v]);
#else  // a rounded product of n would be felt
        r[v] = (r[v] - n * 0.693145752f) - n * 1.42860677e-6f;
#endif
        scale[v] = floats(bits(shifted[v]) << 23);
    }
    for (int v = 0; v < vectors; ++v) {  // in pairs (Estrin): a shorter chain than Horner's
        const vf high = fma(r[v], splat(8.29027220e-3f), splat(4.18981612e-2f));
        const vf middle = fma(r[v], splat(1.66676402e-1f), splat(4.99991477e-1f));
        const vf low = fma(r[v], splat(9.99999702e-1f), splat(1.0f));
        const vf square = r[v] * r[v];
        mantissa[v] = fma(fma(high, square, middle), square, low);
    }
}
/// 1 + e^-x.
template <int vectors>
static inline void one_plus_exp_of_minus(const vf (&x)[vectors], vf (&result)[vectors]) {
    vf minus[vectors], mantissa[vectors], scale[vectors];
    for (int v = 0; v < vectors; ++v) minus[v] = -x[v];
    exp_parts(minus, mantissa, scale);
    for (int v = 0; v < vectors; ++v) result[v] = fma(mantissa[v], scale[v], splat(1.0f));
}

/// e^x = 2^n·e^r with |r| <= ½ ln 2. Adding 1.5·2^23 rounds to the nearest integer n and leaves it in the low bits.
static inline vf vexp(vf x) {
    const vf limited = less_or_second(splat(100.0f), greater_or_second(splat(-110.0f), x));
    const vf magic = splat(12582912.0f);
    const vf shifted = fma(limited, splat(1.44269504f), magic);
    const vf n = shifted - magic;
    vf r = fma(n, splat(-0.693145752f), limited);
    r = fma(n, splat(-1.42860677e-6f), r);
    const float c[] = {1.37805939e-3f, 8.37312452e-3f, 4.16695364e-2f, 1.66664720e-1f, 4.99999851e-1f, 1.0f, 1.0f};
    return scale_by_power_of_two(polynomial(r, c), bits(shifted) - bits(magic));
}

/// e^x - 1 without cancellation: Taylor's series below one half.
static inline vf vexpm1(vf x) {
    const float c[] = {2.48015873e-5f, 1.98412698e-4f, 1.38888889e-3f, 8.33333333e-3f, 4.16666667e-2f, 1.66666667e-1f, 0.5f};
    const vf near = fma(x * x, polynomial(x, c), x);
    return select(vabs(x) < 0.5f, near, vexp(x) - 1.0f);
}

/// log(1 + m) + e·ln 2 for m in [√½ - 1, √2 - 1].
static inline vf log1p_near(vf m, vf e) {
    const float c[] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,  -1.2420140846e-1f, 1.4249322787e-1f,
                       -1.6668057665e-1f, 2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
    const vf z = m * m;
    vf y = polynomial(m, c) * m * z;
    y = fma(e, splat(-2.12194440e-4f), y);
    y = fma(splat(-0.5f), z, y);
    return fma(e, splat(0.693359375f), m + y);
}

/// Of a positive, finite, normal number.
static inline vf log_of_normal(vf x) {
    // m in [√½, √2), x = m·2^e; unsigned, for vlog asks about negative numbers too
    const vu offset = reinterpret_cast<vu>(x) - 0x3f3504f3u;
    const vf e = to_float(reinterpret_cast<vi>(offset) >> 23);
    const vf m = reinterpret_cast<vf>((offset & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    return log1p_near(m, e);
}
static inline vf vlog(vf x) {
    vf result = select(x == INFINITY_F, x, log_of_normal(x));
    result = select(x == 0.0f, splat(-INFINITY_F), result);
    result = select(x < 0.0f, splat(NAN_F), result);
    return keep_nan(x, result);
}

/// log(1 + x): what rounding 1 + x lost is put back to first order.
static inline vf vlog1p(vf x) {
    const vf u = 1.0f + x;
    const vf lost = (u - 1.0f) - x;
    const vf corrected = vlog(u) - select((u == INFINITY_F) | (u <= 0.0f), splat(0.0f), lost / u);
    return select(u == 1.0f, x, corrected);
}

static inline vf vtanh(vf x) {
    const vf a = vabs(x);
    const vf z = x * x;
    const float c[] = {-5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f, -3.33332819422e-1f};
    const vf near = fma(polynomial(z, c) * z, x, x);
    vf denominator[1];
    one_plus_exp_of_minus({-(a + a)}, denominator);
    const vf far = 1.0f - 2.0f / denominator[0];
    return keep_nan(x, select(a < 0.625f, near, with_sign(far, x)));
}

template <int vectors>
static inline void sigmoids(const vf (&x)[vectors], vf (&y)[vectors]) {
    one_plus_exp_of_minus(x, y);
    for (int v = 0; v < vectors; ++v) y[v] = 1.0f / y[v];
}
template <int vectors>
static inline void silus(const vf (&x)[vectors], vf (&y)[vectors]) {
    one_plus_exp_of_minus(x, y);
    for (int v = 0; v < vectors; ++v) y[v] = x[v] / y[v];
}
/// max(x, 0) + log(1 + e^-|x|): the logarithm of a number in [1, 2], as in vlog.
static inline vf vsoftplus(vf x) {
    vf mantissa[1], scale[1];
    exp_parts({-vabs(x)}, mantissa, scale);
    const vf u = mantissa[0] * scale[0];
    const vi big = u > 0.41421356f;  // 1 + u > √2: half of it, exactly
    const vf m = select(big, fma(u, splat(0.5f), splat(-0.5f)), u);
    const vf logarithm = log1p_near(m, select(big, splat(1.0f), splat(0.0f)));
    return keep_nan(x, greater_or_second(x, splat(0.0f)) + logarithm);
}
static inline vf vrelu(vf x) { return greater_or_second(splat(0.0f), x); }

static inline vf verf(vf x) {
    const vf a = vabs(x);
    const vf s = x * x;
    const float f[] = {-1.72853470e-5f, 3.83197126e-4f};
    const float g[] = {-3.88396438e-3f, 2.42546219e-2f};
    vf r = fma(polynomial(a, f), s, polynomial(a, g));
    r = fma(r, a, splat(-1.06777877e-1f));
    r = fma(r, a, splat(-6.34846687e-1f));
    r = fma(r, a, splat(-1.28717512e-1f));
    const vf far = 1.0f - vexp(fma(r, a, -a));
    const float c[] = {-5.96761703e-4f, 4.99119423e-3f, -2.67681349e-2f, 1.12819925e-1f, -3.76125336e-1f, 1.28379166e-1f};
    const vf near = fma(polynomial(s, c), x, x);
    return keep_nan(x, select(a > 4.0f, with_sign(splat(1.0f), x), select(a > 0.927734375f, with_sign(far, x), near)));
}

#include "kernels/angles.inc.hpp"

/// log2 of a positive, finite, normal number, to some 2^-34: e + log2(m) by the series of the inverse hyperbolic tangent.
static inline vd wide_log2(vf x) {
    const vi offset = bits(x) - 0x3f3504f3;
    const vd m = to_double(floats((offset & 0x007fffff) + 0x3f3504f3));
    const vd s = (m - 1.0) / (m + 1.0), z = s * s;
    const double c[] = {1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3, 1.0};
    vd sum = z * (1.0 / 13) + 1.0 / 11;
    for (double coefficient : c) sum = sum * z + coefficient;
    return __builtin_convertvector(offset >> 23, vd) + sum * s * 2.88539008177792681472;  // 2/ln 2
}
/// |x|^y = 2^(y·log2|x|) in double precision, since y multiplies the error of the logarithm; signs and special cases as in
/// IEEE 754. Comparisons stay in single precision: compilers take those of two-register vectors apart.
static inline vf vpow(vf x, vf y) {
    const vf a = vabs(x);
    const vd t = to_double(y) * wide_log2(a);
    vf power = __builtin_convertvector(t, vf);
    power = select(a == 0.0f, y * -INFINITY_F, select(a == INFINITY_F, y * INFINITY_F, power));
    const vf n = vround(select(vabs(power) < 200.0f, power, splat(0.0f)));
    const vd r = (t - to_double(n)) * 0.69314718055994530942;
    const double c[] = {1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1.0, 1.0};
    vd sum = r * (1.0 / 40320) + 1.0 / 5040;
    for (double coefficient : c) sum = sum * r + coefficient;
    vf result = scale_by_power_of_two(__builtin_convertvector(sum, vf), to_int(n));
    result = select(power >= 200.0f, splat(INFINITY_F), select(power <= -200.0f, splat(0.0f), result));
    const vi whole = vround(y) == y;
    const vi odd = whole & (vround(y * 0.5f) != y * 0.5f);
    result = select((x < 0.0f) & ~whole & (a != INFINITY_F), splat(NAN_F), select((bits(x) < 0) & odd, -result, result));
    result = select((vabs(y) == INFINITY_F) & (a == 1.0f), splat(1.0f), result);
    return select((y == 0.0f) | (x == 1.0f), splat(1.0f), select((x != x) | (y != y), x + y, result));
}

/// Remainder with the sign of a (C's fmod), exact: multiples of b·2^(29k) are taken off while the quotient is large, so
/// that quotient × divisor always fits the 53 bits of a double.
static inline vf vfmod(vf a, vf b) {
    vf result = a;
    for (int lane = 0; lane < MBRL_LANES; ++lane) {
        const double d = b[lane] < 0 ? -double(b[lane]) : double(b[lane]);
        double rest = a[lane] < 0 ? -double(a[lane]) : double(a[lane]);
        if (!(rest < INFINITY_D) || !(d > 0)) rest = NAN_D;
        while (rest >= d) {
            double multiple = d;
            while (rest / multiple >= 536870912.0) multiple *= 536870912.0;
            rest -= double(int64_t(rest / multiple)) * multiple;
            if (rest < 0) rest += multiple;  // the quotient was rounded up
        }
        result[lane] = float(rest);
    }
    return with_sign(result, a);
}
