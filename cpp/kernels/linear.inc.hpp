// linear: out[m] = bias[m] + Σ_k weight[m,k]·in[k], for every lane.
//
// The register tile is `rows` outputs × `vectors` lane vectors. Each output is one chain of fused multiply-adds in
// ascending k, so its bits depend neither on the tile nor on the number of lanes. Weights are packed in blocks of
// kRowBlock (12) output rows, input-major, since 12 divides into the tile heights 12, 6, 4, 3, 2 and 1.

template <int rows, int vectors>
static inline void linear_tile(const Frame& frame, const Step& step, const float* weights, int32_t block_rows, const float* bias,
                               const int32_t* out, int32_t lane) {
    vf sum[rows][vectors];
    for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vectors; ++v) sum[r][v] = splat(bias[r]);
    const float* lanes = frame.lanes + lane;
    const int32_t* in = step.in_rows;
    for (int32_t k = 0; k < step.inner; ++k) {
        vf x[vectors];
        for (int v = 0; v < vectors; ++v) x[v] = load(lanes + in[k] + v * MBRL_LANES);
        for (int r = 0; r < rows; ++r) {
            const vf w = splat(weights[r]);
            for (int v = 0; v < vectors; ++v) sum[r][v] = fma(w, x[v], sum[r][v]);
        }
        weights += block_rows;
    }
    for (int r = 0; r < rows; ++r) {
        for (int v = 0; v < vectors; ++v) {
            const vf y = step.relu ? vrelu(sum[r][v]) : sum[r][v];
            store(frame.lanes + out[r] + lane + v * MBRL_LANES, y);
        }
    }
}

/// One block of up to 12 output rows for `vectors` lane vectors, in the tallest tiles that the registers hold.
template <int tallest, int vectors>
static inline void linear_block(const Frame& frame, const Step& step, const float* weights, const float* bias, const int32_t* out,
                                int32_t rows, int32_t lane) {
    int32_t done = 0;
#define MBRL_TILE(HEIGHT)                                                                                   \
    if constexpr (HEIGHT <= tallest)                                                                        \
        while (rows - done >= HEIGHT) {                                                                     \
            linear_tile<HEIGHT, vectors>(frame, step, weights + done, rows, bias + done, out + done, lane); \
            done += HEIGHT;                                                                                 \
        }
    MBRL_TILE(12)
    MBRL_TILE(6)
    MBRL_TILE(4)
    MBRL_TILE(3)
    MBRL_TILE(2)
    MBRL_TILE(1)
#undef MBRL_TILE
}

// Tallest tiles: sums + lane vectors + one weight must fit the registers (16; AVX-512 and NEON have 32).
#if defined(__AVX512F__) || defined(__aarch64__)
static constexpr int kTall1 = 12, kTall2 = 12, kTall3 = 6;
#else
static constexpr int kTall1 = 12, kTall2 = 6, kTall3 = 4;
#endif

static void linear_kernel(const Frame& frame, const Step& step) {
    const float* weights = frame.weights + step.weights;
    for (int32_t first = 0; first < step.count; first += kRowBlock) {
        const int32_t rows = step.count - first < kRowBlock ? step.count - first : kRowBlock;
        // A block is its bias, then its weights.
        const float* bias = weights;
        weights += rows;
        int32_t lane = 0;
        int32_t vectors = frame.width / MBRL_LANES;
        while (vectors > 0) {
            const int32_t take = vectors == 1 ? 1 : (vectors == 2 || vectors == 4 ? 2 : 3);
            if (take == 3) linear_block<kTall3, 3>(frame, step, weights, bias, step.out + first, rows, lane);
            if (take == 2) linear_block<kTall2, 2>(frame, step, weights, bias, step.out + first, rows, lane);
            if (take == 1) linear_block<kTall1, 1>(frame, step, weights, bias, step.out + first, rows, lane);
            lane += take * MBRL_LANES;
            vectors -= take;
        }
        weights += int64_t(rows) * step.inner;
    }
}
