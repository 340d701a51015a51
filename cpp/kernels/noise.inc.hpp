// Counter-based noise: Philox4x32-10 (Salmon et al., SC 2011) and Box–Muller, one candidate a lane.
// A number depends on (key, plan, iteration, candidate, element) alone, so neither on threads nor on vector length.

#if defined(__x86_64__)
/// 64-bit products of the even words.
static inline vu multiply_even(vu a, vu b) {
#if defined(__AVX512F__)
    return reinterpret_cast<vu>(_mm512_mul_epu32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__) && defined(__FMA__)
    return reinterpret_cast<vu>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#else
    return reinterpret_cast<vu>(_mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#endif
}
#endif

/// The two words of a·b in every lane.
static inline void multiply(vu a, uint32_t b, vu& high, vu& low) {
#if defined(__x86_64__)
    // Even and odd words apart, since widening would move words across the vector.
    typedef uint64_t pairs __attribute__((vector_size(MBRL_LANES * 4)));
    const pairs even = reinterpret_cast<pairs>(multiply_even(a, splat_bits(b)));
    const pairs odd = reinterpret_cast<pairs>(multiply_even(reinterpret_cast<vu>(reinterpret_cast<pairs>(a) >> 32), splat_bits(b)));
    high = reinterpret_cast<vu>((even >> 32) | (odd & ~uint64_t{0xffffffff}));
    low = reinterpret_cast<vu>((even & uint64_t{0xffffffff}) | (odd << 32));
#else
    const vw product = __builtin_convertvector(a, vw) * uint64_t(b);
    high = __builtin_convertvector(product >> 32, vu);
    low = a * b;
#endif
}

static inline void philox(vu counter[4], uint32_t key0, uint32_t key1) {
    for (int round = 0; round < 10; ++round) {
        vu high0, low0, high1, low1;
        multiply(counter[0], 0xD2511F53u, high0, low0);
        multiply(counter[2], 0xCD9E8D57u, high1, low1);
        const vu c1 = counter[1], c3 = counter[3];
        counter[0] = high1 ^ c1 ^ key0;
        counter[1] = low1;
        counter[2] = high0 ^ c3 ^ key1;
        counter[3] = low0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
}

/// Two normals from two words: radius √(-2 ln u), u in (0, 1], and an angle of one of 2^24 equal steps of a turn. The angle is
/// split into quadrants as the integer that it is, so nothing has to be reduced.
static inline void box_muller(vu a, vu b, vf& first, vf& second) {
    const vf u = to_float(reinterpret_cast<vi>((a >> 8) + 1u)) * 5.96046448e-8f;
    const vf radius = vsqrt(-2.0f * log_of_normal(u));
    const vi step = reinterpret_cast<vi>(b >> 8);
    const vi quadrant = (step + (1 << 21)) >> 22;
    const Reduced angle{to_float(step - (quadrant << 22)) * 3.74507046e-7f, quadrant};
    first = radius * cosine_of(angle);
    second = radius * sine_of(angle);
}

static void normals_kernel(const NoiseArgs& args) {
    vu lane_index;
    for (int lane = 0; lane < MBRL_LANES; ++lane) lane_index[lane] = uint32_t(lane);
    for (int32_t block = 0; block < args.blocks; ++block) {
        float* rows = args.rows + int64_t(block) * 4 * args.stride;
        for (int32_t lane = 0; lane < args.width; lane += MBRL_LANES) {
            vu counter[4] = {splat_bits(uint32_t(args.first_block + block)), lane_index + (args.first_candidate + uint32_t(lane)),
                             splat_bits(args.iteration), splat_bits(args.plan)};
            philox(counter, args.key[0], args.key[1]);
            vf normal[4];
            box_muller(counter[0], counter[1], normal[0], normal[1]);
            box_muller(counter[2], counter[3], normal[2], normal[3]);
            for (int e = 0; e < 4; ++e) store(rows + e * args.stride + lane, normal[e]);
        }
    }
}

static void affine_clip_kernel(float* row, float scale, float shift, float low, float high, int32_t width) {
    for (int32_t lane = 0; lane < width; lane += MBRL_LANES) {
        vf x = fma(load(row + lane), splat(scale), splat(shift));
        x = select(x > low, x, splat(low));  // NaN (an infinite scale times zero) becomes the lower bound
        x = select(x > high, splat(high), x);
        store(row + lane, x);
    }
}

/// √2·erf⁻¹(x) = x·p(-log(1 - x²)) in the manner of Giles (2012), x = (1 - 2Φ(-2))·erf(z/√2): |x| < 0.955 leaves one polynomial.
static void truncate_kernel(float* row, int32_t width) {
    const float c[] = {-6.49812682e-6f, 9.16537465e-5f, -2.18165136e-4f, -3.27391014e-3f,
                       1.63226165e-2f,  3.28118384e-1f, 1.25331414f};
    for (int32_t lane = 0; lane < width; lane += MBRL_LANES) {
        const vf x = verf(load(row + lane) * 0.707106781f) * 0.954499736f;
        const vf t = x * polynomial(-log_of_normal((1.0f - x) * (1.0f + x)), c);
        store(row + lane, select(t > 2.0f, splat(2.0f), select(t < -2.0f, splat(-2.0f), t)));
    }
}

static void lower_triangular_kernel(float* rows, int64_t stride, const float* lower, int32_t size, int32_t width) {
    for (int32_t lane = 0; lane < width; lane += MBRL_LANES) {
        for (int32_t h = size - 1; h >= 0; --h) {  // downwards, so that the rows still needed are unchanged
            vf sum = splat(0.0f);
            for (int32_t j = 0; j <= h; ++j) sum = fma(splat(lower[h * size + j]), load(rows + j * stride + lane), sum);
            store(rows + h * stride + lane, sum);
        }
    }
}

static void accumulate_kernel(float* total, float* alive, const float* value, const float* ended, float discount, int32_t width) {
    for (int32_t lane = 0; lane < width; lane += MBRL_LANES) {
        const vf on = load(alive + lane);
        const vf sum = load(total + lane);
        if (value) store(total + lane, select(on != 0.0f, fma(load(value + lane), splat(discount), sum), sum));
        if (ended) store(alive + lane, select(load(ended + lane) != 0.0f, splat(0.0f), on));
    }
}

static void add_scaled_kernel(float* row, const float* value, float scale, int32_t width) {
    for (int32_t lane = 0; lane < width; lane += MBRL_LANES)
        store(row + lane, fma(load(value + lane), splat(scale), load(row + lane)));
}
