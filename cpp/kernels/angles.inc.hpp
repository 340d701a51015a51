// Sine, cosine, tangent and their inverses. Included by math.inc.hpp, inside `namespace MBRL_ISA`.

/// x = r + quadrant·π/2 with |r| ≤ π/4.
struct Reduced {
    vf r;
    vi quadrant;
};
/// Up to here (20000·2/π = 12733 quadrants) a few constants suffice.
static constexpr float kNearAngle = 20000.0f;

/// Any finite angle of at least one quadrant, exactly (Payne & Hanek 1983): |x| = m·2^e times the 96 bits of 2/π that matter
/// modulo four quadrants.
static inline float reduce_far_angle(float x, int32_t& quadrant) {
    static constexpr uint32_t kTwoOverPi[] = {0,          0xa2f9836e, 0x4e441529, 0xfc2757d1,
                                              0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
    const uint32_t word = __builtin_bit_cast(uint32_t, x);
    const int32_t exponent = int32_t(word >> 23 & 0xff);
    if (exponent == 0xff) return NAN_F;
    const uint32_t m = (word & 0x7fffff) | 0x800000;
    const int32_t first = exponent - 150 + 30;  // bit of the table whose product has weight 2
    const uint32_t* at = kTwoOverPi + first / 32;
    const int32_t shift = first % 32;
    uint64_t window[3];
    for (int i = 0; i < 3; ++i) window[i] = uint32_t(((uint64_t(at[i]) << 32 | at[i + 1]) << shift) >> 32);
    const uint64_t turns = (m * window[0] << 32) + m * window[1] + (m * window[2] >> 32);  // quadrants, 62 bits of fraction
    const uint64_t whole = (turns + (uint64_t(1) << 61)) >> 62;
    const double rest = double(int64_t(turns - (whole << 62))) * (1.57079632679489661923 / 4611686018427387904.0);
    quadrant = int32_t(x < 0 ? 0 - whole : whole);
    return float(x < 0 ? -rest : rest);
}

static inline Reduced reduce_angle(vf x) {
    const vi far = vabs(x) >= kNearAngle;
    const vf near = select(vabs(x) < kNearAngle, x, splat(0.0f));
    Reduced reduced;
#if MBRL_FUSED
    const vf magic = splat(12582912.0f);  // 1.5·2^23 rounds to an integer, and leaves it in the low bits
    const vf shifted = fma(near, splat(0.636619772f), magic);
    const vf k = shifted - magic;
    vf r = fma(k, splat(-1.57079637e+0f), near);
    r = fma(k, splat(4.37113883e-8f), r);
    reduced.r = fma(k, splat(1.71512451e-15f), r);
    reduced.quadrant = bits(shifted);
#else
    // Float products would round: in double, π/2 in two parts (fdlibm).
    const vd wide = to_double(near);
    const vd k = (wide * 0.63661977236758134308 + 6755399441055744.0) - 6755399441055744.0;
    reduced.r = __builtin_convertvector((wide - k * 1.57079632673412561417e+00) - k * 6.07710050650619224932e-11, vf);
    reduced.quadrant = __builtin_convertvector(k, vi);
#endif
    if (!any(far)) return reduced;
    for (int lane = 0; lane < MBRL_LANES; ++lane) {
        if (!far[lane]) continue;
        int32_t quadrant = 0;
        reduced.r[lane] = reduce_far_angle(x[lane], quadrant);
        reduced.quadrant[lane] = quadrant;
    }
    return reduced;
}
static inline vf sine_near(vf r) {
    const float c[] = {2.86567956e-6f, -1.98559923e-4f, 8.33338592e-3f, -1.66666672e-1f};
    const vf s = r * r;
    return fma(polynomial(s, c) * s, r, r);
}
static inline vf cosine_near(vf r) {
    const float c[] = {2.44677067e-5f, -1.38877297e-3f, 4.16666567e-2f, -0.5f, 1.0f};
    return polynomial(r * r, c);
}
static inline vf sine_of(const Reduced& a) {
    const vf y = select((a.quadrant & 1) != 0, cosine_near(a.r), sine_near(a.r));
    return select((a.quadrant & 2) != 0, -y, y);
}
static inline vf cosine_of(const Reduced& a) {
    const vf y = select((a.quadrant & 1) != 0, sine_near(a.r), cosine_near(a.r));
    return select(((a.quadrant + 1) & 2) != 0, -y, y);
}
static inline vf vsin(vf x) { return keep_nan(x, sine_of(reduce_angle(x))); }
static inline vf vcos(vf x) { return keep_nan(x, cosine_of(reduce_angle(x))); }
static inline vf vtan(vf x) {
    const Reduced a = reduce_angle(x);
    const vf s = sine_near(a.r), c = cosine_near(a.r);
    return keep_nan(x, select((a.quadrant & 1) != 0, -c / s, s / c));
}

static inline vf vatan(vf x) {
    const vf a = vabs(x);
    const vi high = a > 2.414213562f;
    const vi middle = a > 0.414213562f;
    const vf t = select(high, -1.0f / a, select(middle, (a - 1.0f) / (a + 1.0f), a));
    const vf base = select(high, splat(1.57079637f), select(middle, splat(0.785398185f), splat(0.0f)));
    const float c[] = {8.05374449538e-2f, -1.38776856032e-1f, 1.99777106478e-1f, -3.33329491539e-1f};
    const vf z = t * t;
    return keep_nan(x, with_sign(base + fma(polynomial(z, c) * z, t, t), x));
}
static inline vf vatan2(vf y, vf x) {
    const vf ay = vabs(y), ax = vabs(x);
    const vi both_infinite = (ay == INFINITY_F) & (ax == INFINITY_F);
    const vi both_zero = (ay == 0.0f) & (ax == 0.0f);
    vf ratio = select(both_infinite, splat(1.0f), ay / ax);
    ratio = select(both_zero, splat(0.0f), ratio);
    const vf angle = vatan(ratio);
    const vf turned = select(bits(x) < 0, 3.14159274f - angle, angle);
    return select((x != x) | (y != y), x + y, with_sign(turned, y));
}

static inline vf vasin(vf x) {
    const vf a = vabs(x);
    const vi far = a > 0.5f;
    const vf z = select(far, 0.5f * (1.0f - a), x * x);
    const vf t = select(far, vsqrt(z), a);
    const float c[] = {4.2163199048e-2f, 2.4181311049e-2f, 4.5470025998e-2f, 7.4953002686e-2f, 1.6666752422e-1f};
    const vf p = fma(polynomial(z, c) * z, t, t);
    const vf result = with_sign(select(far, 1.57079637f - 2.0f * p, p), x);
    return select(a <= 1.0f, result, keep_nan(x, splat(NAN_F)));
}
static inline vf vacos(vf x) {
    const vf near_one = 2.0f * vasin(vsqrt(0.5f * (1.0f - x)));
    const vf near_minus_one = 3.14159274f - 2.0f * vasin(vsqrt(0.5f * (1.0f + x)));
    return keep_nan(x, select(x > 0.5f, near_one, select(x < -0.5f, near_minus_one, 1.57079637f - vasin(x))));
}
