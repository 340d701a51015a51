// Counter-based noise: Philox4x32-10 (Salmon et al., SC 2011) and Box–Muller, one candidate a lane.
// A number depends on (key, plan, iteration, candidate, element) alone, so neither on threads nor on vector length.

static inline void multiply(vu a, uint32_t b, vu& high, vu& low) {
    const vw product = __builtin_convertvector(a, vw) * uint64_t(b);
    high = __builtin_convertvector(product >> 32, vu);
    low = a * b;
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

/// Two normals from two words: radius √(-2 ln u), u in (0, 1], and an angle in [0, 2π).
static inline void box_muller(vu a, vu b, vf& first, vf& second) {
    const vf u = to_float(reinterpret_cast<vi>((a >> 8) + 1u)) * 5.96046448e-8f;
    const vf angle = to_float(reinterpret_cast<vi>(b >> 8)) * 3.74507046e-7f;
    const vf radius = vsqrt(-2.0f * vlog(u));
    first = radius * vcos(angle);
    second = radius * vsin(angle);
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
        x = select(x < low, splat(low), x);
        x = select(x > high, splat(high), x);
        store(row + lane, x);
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
