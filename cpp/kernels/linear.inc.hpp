// linear: out[m] = bias[m] + Σ_k weight[m,k]·in[k], for every lane.
//
// A register tile is `rows` outputs × `vectors` lane vectors. Each output is one chain of fused multiply-adds in
// ascending k, so its bits depend neither on the tile nor on the number of lanes.
//
// Tiles are functions of their own and hold nothing but their sums: fused with more, the compiler spills them. Rows lie
// side by side in memory, so the inner loop is loads, multiply-adds and two pointer steps.

/// The shape that the tiles of one linear share.
struct Layer {
    int64_t stride;  // floats between rows
    int32_t inner;
    int32_t relu;
};

template <int rows, int vectors>
static inline void linear_tile_once(const Layer& layer, const float* in, float* out, const float* weights, int64_t block,
                                    const float* bias) {
    const int64_t stride = layer.stride;
    vf sum[rows][vectors];
    for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vectors; ++v) sum[r][v] = splat(bias[r]);
    const float* end = weights + layer.inner * block;
    do {
        vf x[vectors];
        for (int v = 0; v < vectors; ++v) x[v] = load(in + v * MBRL_LANES);
        for (int r = 0; r < rows; ++r) {
            const vf w = splat(weights[r]);
            for (int v = 0; v < vectors; ++v) sum[r][v] = fma(w, x[v], sum[r][v]);
        }
        weights += block;
        in += stride;
    } while (weights != end);
    const bool relu = layer.relu != 0;
    for (int r = 0; r < rows; ++r) {
        for (int v = 0; v < vectors; ++v) store(out + v * MBRL_LANES, relu ? vrelu(sum[r][v]) : sum[r][v]);
        out += stride;
    }
}

/// The register tile, at `times` places side by side.
template <int rows, int vectors>
static __attribute__((noinline)) void linear_tile(const Layer& layer, const float* in, float* out, const float* weights,
                                                  int64_t block, const float* bias, int32_t times) {
    for (; times > 0; --times) {
        linear_tile_once<rows, vectors>(layer, in, out, weights, block, bias);
        in += vectors * MBRL_LANES;
        out += vectors * MBRL_LANES;
    }
}

/// One block of fewer than kRowBlock output rows for `vectors` lane vectors: tall tiles first, so that the rest is short.
template <int vectors, int... heights>
static inline void linear_block(const Layer& layer, const float* in, float* out, const float* weights, const float* bias,
                                int32_t rows, int32_t times) {
    int32_t done = 0;
    const auto fill = [&]<int height>() {
        while (rows - done >= height) {
            linear_tile<height, vectors>(layer, in, out + done * layer.stride, weights + done, rows, bias + done, times);
            done += height;
        }
    };
    (fill.template operator()<heights>(), ...);
}

/// Whole blocks of kRowBlock output rows: most of a wide layer, in one call.
template <int rows, int vectors>
static __attribute__((noinline)) void linear_blocks(const Layer& layer, const float* in, float* out, const float* weights,
                                                    int32_t blocks, int32_t times) {
    for (; blocks > 0; --blocks) {
        for (int part = 0; part < kRowBlock; part += rows) {
            const float* x = in;
            float* y = out;
            for (int32_t n = 0; n < times; ++n) {
                linear_tile_once<rows, vectors>(layer, x, y, weights + kRowBlock + part, kRowBlock, weights + part);
                x += vectors * MBRL_LANES;
                y += vectors * MBRL_LANES;
            }
            out += rows * layer.stride;
        }
        weights += int64_t(kRowBlock) * (layer.inner + 1);
    }
}

/// A layer with few inputs: they stay in registers, and the rows stream by.
template <int inner, int vectors>
static __attribute__((noinline)) void linear_few(const Layer& layer, const float* in, float* out, const float* weights,
                                                 int32_t count) {
    const int64_t stride = layer.stride;
    vf x[inner][vectors];
    for (int k = 0; k < inner; ++k)
        for (int v = 0; v < vectors; ++v) x[k][v] = load(in + k * stride + v * MBRL_LANES);
    const auto rows = [&](auto activation) {
        for (int32_t m = 0; m < count; ++m) {
            vf sum[vectors];
            for (int v = 0; v < vectors; ++v) sum[v] = splat(weights[0]);
            for (int k = 0; k < inner; ++k) {
                const vf w = splat(weights[1 + k]);
                for (int v = 0; v < vectors; ++v) sum[v] = fma(w, x[k][v], sum[v]);
            }
            for (int v = 0; v < vectors; ++v) store(out + v * MBRL_LANES, activation(sum[v]));
            weights += inner + 1;
            out += stride;
        }
    };
    if (layer.relu)
        rows([](vf y) { return vrelu(y); });
    else
        rows([](vf y) { return y; });
}

template <int inner>
static inline void linear_few_inputs(const Layer& layer, const float* in, float* out, const float* weights, int32_t count,
                                     int32_t width) {
    int32_t lane = 0;
    for (; lane + 2 * MBRL_LANES <= width; lane += 2 * MBRL_LANES)
        linear_few<inner, 2>(layer, in + lane, out + lane, weights, count);
    if (lane < width) linear_few<inner, 1>(layer, in + lane, out + lane, weights, count);
}

// Sums, lane vectors and one weight must fit the registers: 16, or 32.
#if defined(__AVX512F__) || defined(__aarch64__)
static constexpr int kTall = 12;
#else
static constexpr int kTall = 6;
#endif

/// Fewer than kRowBlock output rows.
static inline void linear_rows(const Layer& layer, const float* in, float* out, const float* weights, const float* bias,
                               int32_t rows, int32_t width) {
    int32_t left = width / MBRL_LANES;
    const auto advance = [&](int32_t vectors) {
        in += vectors * MBRL_LANES;
        out += vectors * MBRL_LANES;
        left -= vectors;
    };
    // Few rows keep the multipliers busy only with more lanes; three rows of four vectors are as good as six of two.
    if (rows <= 3 && left >= 4) {
        linear_block<4, 3, 2, 1>(layer, in, out, weights, bias, rows, left / 4);
        advance(left / 4 * 4);
    }
    if (left >= 2) {
        if (rows == 8)  // as 6 and 2, the two would wait
            linear_block<2, 4>(layer, in, out, weights, bias, rows, left / 2);
        else
            linear_block<2, 6, 4, 3, 2, 1>(layer, in, out, weights, bias, rows, left / 2);
        advance(left / 2 * 2);
    }
    if (left == 1) linear_block<1, 8, 4, 2, 1>(layer, in, out, weights, bias, rows, 1);
}

static void linear_kernel(const Frame& frame, const Step& step) {
    const float* weights = frame.weights + step.weights;
    const float* in = frame.lanes + step.in_first;
    float* out = frame.lanes + step.out;
    const Layer layer = {frame.stride, step.inner, step.relu};
    switch (step.inner) {
        case 1:
            return linear_few_inputs<1>(layer, in, out, weights, step.count, frame.width);
        case 2:
            return linear_few_inputs<2>(layer, in, out, weights, step.count, frame.width);
        case 3:
            return linear_few_inputs<3>(layer, in, out, weights, step.count, frame.width);
        case 4:
            return linear_few_inputs<4>(layer, in, out, weights, step.count, frame.width);
        case 5:
            return linear_few_inputs<5>(layer, in, out, weights, step.count, frame.width);
        case 6:
            return linear_few_inputs<6>(layer, in, out, weights, step.count, frame.width);
    }
    const int32_t blocks = step.count / kRowBlock, vectors = frame.width / MBRL_LANES, rest = step.count % kRowBlock;
    linear_blocks<kTall, 2>(layer, in, out, weights, blocks, vectors / 2);
    const int32_t done = vectors / 2 * 2 * MBRL_LANES;
    if (vectors % 2) linear_blocks<12, 1>(layer, in + done, out + done, weights, blocks, 1);
    out += int64_t(blocks) * kRowBlock * layer.stride;
    weights += int64_t(blocks) * kRowBlock * (step.inner + 1);
    if (rest > 0) linear_rows(layer, in, out, weights + rest, weights, rest, frame.width);
}
