// Kernels that fold rows into one, in ascending order, several vectors of lanes at a time: the chains stay the same whatever
// their number, and so do the bits. Include inside `namespace MBRL_ISA`, after the element-wise kernels.

#define MBRL_REDUCE(NAME, EXPRESSION)                                  \
    static void NAME##_kernel(const Frame& frame, const Step& step) {  \
        for (int32_t i = 0; i < step.count; ++i) {                     \
            const Operand* row = step.in[0] + int64_t(i) * step.inner; \
            over_lanes(frame.width, [&]<int vectors>(int32_t lane) {   \
                vf total[vectors], x[vectors];                         \
                read_vectors(frame, row[0], lane, total);              \
                for (int32_t k = 1; k < step.inner; ++k) {             \
                    read_vectors(frame, row[k], lane, x);              \
                    for (int v = 0; v < vectors; ++v) {                \
                        const vf a = total[v], b = x[v];               \
                        total[v] = EXPRESSION;                         \
                    }                                                  \
                }                                                      \
                store_vectors(out_row(frame, step, i), lane, total);   \
            });                                                        \
        }                                                              \
    }

MBRL_REDUCE(prod, a* b)
MBRL_REDUCE(amax, vmaximum(a, b))
MBRL_REDUCE(amin, vminimum(a, b))

static void sum_kernel(const Frame& frame, const Step& step) {
    for (int32_t i = 0; i < step.count; ++i) {
        const Operand* row = step.in[0] + int64_t(i) * step.inner;
        over_lanes(frame.width, [&]<int vectors>(int32_t lane) {
            vf total[vectors], x[vectors];
            read_vectors(frame, step.has_start ? step.in[1][i] : row[0], lane, total);
            for (int32_t k = step.has_start ? 0 : 1; k < step.inner; ++k) {
                read_vectors(frame, row[k], lane, x);
                for (int v = 0; v < vectors; ++v) total[v] += x[v];
            }
            store_vectors(out_row(frame, step, i), lane, total);
        });
    }
}

/// One factor is read as it is multiplied, the other, if it repeats, once: eight sums leave few registers.
template <int vectors>
static inline void multiply_add(const Frame& frame, Operand a, Operand b, int32_t lane, vf (&total)[vectors]) {
    if (!a.advance) {
        const Operand swapped = a;
        a = b;
        b = swapped;
    }
    if (a.advance && b.advance) {
        const float *x = frame.lanes + a.offset + lane, *y = frame.lanes + b.offset + lane;
        for (int v = 0; v < vectors; ++v) total[v] = fma(load(x + v * MBRL_LANES), load(y + v * MBRL_LANES), total[v]);
    } else {
        vf x[vectors];
        const vf y = load(frame.uniforms + b.offset);
        read_vectors(frame, a, lane, x);
        for (int v = 0; v < vectors; ++v) total[v] = fma(x[v], y, total[v]);
    }
}

/// Matrix times vector: each number of the vector is read once for up to six outputs. The matrix lies side by side.
template <int outputs, int vectors>
static inline void dot_matrix(const Frame& frame, const Step& step, int32_t first, int32_t lane) {
    vf total[outputs][vectors] = {};
    if (step.has_start)
        for (int r = 0; r < outputs; ++r) read_vectors(frame, step.in[2][first + r], lane, total[r]);
    const int64_t row = int64_t(step.inner) * frame.stride;
    const float* matrix = frame.lanes + step.in_first + first * row + lane;
    for (int32_t k = 0; k < step.inner; ++k) {
        vf x[vectors];
        read_vectors(frame, step.in[1][k], lane, x);
        for (int r = 0; r < outputs; ++r)
            for (int v = 0; v < vectors; ++v) total[r][v] = fma(load(matrix + r * row + v * MBRL_LANES), x[v], total[r][v]);
        matrix += frame.stride;
    }
    for (int r = 0; r < outputs; ++r) store_vectors(out_row(frame, step, first + r), lane, total[r]);
}

static void dot_kernel(const Frame& frame, const Step& step) {
    int32_t first = 0;
    for (; step.matrix && first + 6 <= step.count; first += 6) {
        int32_t lane = 0;
        for (; lane + 2 * MBRL_LANES <= frame.width; lane += 2 * MBRL_LANES) dot_matrix<6, 2>(frame, step, first, lane);
        if (lane < frame.width) dot_matrix<6, 1>(frame, step, first, lane);
    }
    for (int32_t i = first; i < step.count; ++i) {
        const Operand* a = step.in[0] + int64_t(i) * step.inner;
        const Operand* b = step.in[1] + int64_t(i) * step.inner;
        over_lanes(frame.width, [&]<int vectors>(int32_t lane) {
            vf total[vectors] = {};
            if (step.has_start) read_vectors(frame, step.in[2][i], lane, total);
            for (int32_t k = 0; k < step.inner; ++k) multiply_add(frame, a[k], b[k], lane, total);
            store_vectors(out_row(frame, step, i), lane, total);
        });
    }
}

/// The index of the best row as a float; the first of equals; the first NaN if there is one, as in torch.
template <bool largest>
static inline void arg_kernel(const Frame& frame, const Step& step) {
    for (int32_t i = 0; i < step.count; ++i) {
        const Operand* row = step.in[0] + int64_t(i) * step.inner;
        for (int32_t lane = 0; lane < frame.width; lane += MBRL_LANES) {
            vf best = read(frame, row[0], lane);
            vf index = splat(0.0f);
            for (int32_t k = 1; k < step.inner; ++k) {
                const vf value = read(frame, row[k], lane);
                const vi better = (best == best) & ((value != value) | (largest ? value > best : value < best));
                best = select(better, value, best);
                index = select(better, splat(float(k)), index);
            }
            store(out_row(frame, step, i) + lane, index);
        }
    }
}
static void argmax_kernel(const Frame& frame, const Step& step) { arg_kernel<true>(frame, step); }
static void argmin_kernel(const Frame& frame, const Step& step) { arg_kernel<false>(frame, step); }
