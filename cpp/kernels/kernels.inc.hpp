// The one source of every kernel, compiled once per instruction set. Include inside `namespace MBRL_ISA`.

/// Walks along one operand row: a row that repeats one vector stands still.
struct Cursor {
    const float* at;
    int32_t move;
};
static inline Cursor cursor(const Frame& frame, Operand operand) {
    return {(operand.advance ? frame.lanes : frame.uniforms) + operand.offset, operand.advance * MBRL_LANES};
}
static inline vf next(Cursor& cursor) {
    const vf value = load(cursor.at);
    cursor.at += cursor.move;
    return value;
}
static inline float* out_row(const Frame& frame, const Step& step, int32_t row) {
    return frame.lanes + step.out + int64_t(row) * frame.stride;
}

#define MBRL_UNARY(NAME, EXPRESSION)                                         \
    static void NAME##_kernel(const Frame& frame, const Step& step) {        \
        for (int32_t i = 0; i < step.count; ++i) {                           \
            Cursor in = cursor(frame, step.in[0][i]);                        \
            float* out = out_row(frame, step, i);                            \
            for (int32_t lane = 0; lane < frame.width; lane += MBRL_LANES) { \
                const vf a = next(in);                                       \
                store(out + lane, EXPRESSION);                               \
            }                                                                \
        }                                                                    \
    }
#define MBRL_BINARY(NAME, EXPRESSION)                                        \
    static void NAME##_kernel(const Frame& frame, const Step& step) {        \
        for (int32_t i = 0; i < step.count; ++i) {                           \
            Cursor in0 = cursor(frame, step.in[0][i]);                       \
            Cursor in1 = cursor(frame, step.in[1][i]);                       \
            float* out = out_row(frame, step, i);                            \
            for (int32_t lane = 0; lane < frame.width; lane += MBRL_LANES) { \
                const vf a = next(in0);                                      \
                const vf b = next(in1);                                      \
                store(out + lane, EXPRESSION);                               \
            }                                                                \
        }                                                                    \
    }
#define MBRL_TERNARY(NAME, EXPRESSION)                                       \
    static void NAME##_kernel(const Frame& frame, const Step& step) {        \
        for (int32_t i = 0; i < step.count; ++i) {                           \
            Cursor in0 = cursor(frame, step.in[0][i]);                       \
            Cursor in1 = cursor(frame, step.in[1][i]);                       \
            Cursor in2 = cursor(frame, step.in[2][i]);                       \
            float* out = out_row(frame, step, i);                            \
            for (int32_t lane = 0; lane < frame.width; lane += MBRL_LANES) { \
                const vf a = next(in0);                                      \
                const vf b = next(in1);                                      \
                const vf c = next(in2);                                      \
                store(out + lane, EXPRESSION);                               \
            }                                                                \
        }                                                                    \
    }

static inline vf read(const Frame& frame, Operand operand, int32_t lane) {
    return operand.advance ? load(frame.lanes + operand.offset + lane) : load(frame.uniforms + operand.offset);
}
/// The operand's row, over so many vectors from `lane` on.
template <int vectors>
static inline void read_vectors(const Frame& frame, Operand operand, int32_t lane, vf (&x)[vectors]) {
    if (operand.advance) {
        for (int v = 0; v < vectors; ++v) x[v] = load(frame.lanes + operand.offset + lane + v * MBRL_LANES);
    } else {
        const vf same = load(frame.uniforms + operand.offset);
        for (int v = 0; v < vectors; ++v) x[v] = same;
    }
}

/// A reduction folds rows into one in ascending order: per lane a chain of operations that wait for each other. Several
/// vectors of lanes at a time fill the waiting; the chains stay the same, and so do the bits.
template <class Body>
static inline void over_lanes(int32_t width, Body body) {
    int32_t lane = 0;
    for (; lane + 8 * MBRL_LANES <= width; lane += 8 * MBRL_LANES) body.template operator()<8>(lane);
    for (; lane + 2 * MBRL_LANES <= width; lane += 2 * MBRL_LANES) body.template operator()<2>(lane);
    if (lane < width) body.template operator()<1>(lane);
}
template <int vectors>
static inline void store_vectors(float* out, int32_t lane, const vf (&x)[vectors]) {
    for (int v = 0; v < vectors; ++v) store(out + lane + v * MBRL_LANES, x[v]);
}

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

// A NaN on either side wins, as in torch: the instructions pick the second operand.
static inline vf vminimum(vf a, vf b) { return select(a != a, a, less_or_second(a, b)); }
static inline vf vmaximum(vf a, vf b) { return select(a != a, a, greater_or_second(a, b)); }

MBRL_UNARY(copy, a)
MBRL_UNARY(neg, -a)
MBRL_UNARY(abs, vabs(a))
MBRL_UNARY(sign, vsign(a))
MBRL_UNARY(floor, vfloor(a))
MBRL_UNARY(ceil, vceil(a))
MBRL_UNARY(round, vround(a))
MBRL_UNARY(trunc, vtrunc(a))
MBRL_UNARY(sqrt, vsqrt(a))
MBRL_UNARY(exp, vexp(a))
MBRL_UNARY(expm1, vexpm1(a))
MBRL_UNARY(log, vlog(a))
MBRL_UNARY(log1p, vlog1p(a))
MBRL_UNARY(sin, vsin(a))
MBRL_UNARY(cos, vcos(a))
MBRL_UNARY(tan, vtan(a))
MBRL_UNARY(asin, vasin(a))
MBRL_UNARY(acos, vacos(a))
MBRL_UNARY(atan, vatan(a))
MBRL_UNARY(tanh, vtanh(a))
MBRL_UNARY(softplus, vsoftplus(a))
MBRL_UNARY(erf, verf(a))
MBRL_UNARY(relu, vrelu(a))
MBRL_UNARY(isnan, truth(a != a))
MBRL_UNARY(logical_not, truth(a == 0.0f))
MBRL_BINARY(add, a + b)
MBRL_BINARY(sub, a - b)
MBRL_BINARY(mul, a* b)
MBRL_BINARY(div, a / b)
MBRL_BINARY(minimum, vminimum(a, b))
MBRL_BINARY(maximum, vmaximum(a, b))
MBRL_BINARY(pow, vpow(a, b))
MBRL_BINARY(atan2, vatan2(a, b))
MBRL_BINARY(fmod, vfmod(a, b))
MBRL_BINARY(lt, truth(a < b))
MBRL_BINARY(le, truth(a <= b))
MBRL_BINARY(eq, truth(a == b))
MBRL_BINARY(ne, truth(a != b))
MBRL_BINARY(logical_and, truth((a != 0.0f) & (b != 0.0f)))
MBRL_BINARY(logical_or, truth((a != 0.0f) | (b != 0.0f)))
MBRL_TERNARY(where, select(a != 0.0f, b, c))
MBRL_TERNARY(fma, fma(a, b, c))
MBRL_REDUCE(prod, a* b)
MBRL_REDUCE(amax, vmaximum(a, b))
MBRL_REDUCE(amin, vminimum(a, b))

/// A function of several vectors at a time.
#define MBRL_UNARY_VECTORS(NAME, FUNCTION)                            \
    static void NAME##_kernel(const Frame& frame, const Step& step) { \
        for (int32_t i = 0; i < step.count; ++i) {                    \
            over_lanes(frame.width, [&]<int vectors>(int32_t lane) {  \
                constexpr int kAtOnce = vectors < 4 ? vectors : 4;    \
                for (int part = 0; part < vectors; part += kAtOnce) { \
                    const int32_t at = lane + part * MBRL_LANES;      \
                    vf x[kAtOnce], y[kAtOnce];                        \
                    read_vectors(frame, step.in[0][i], at, x);        \
                    FUNCTION(x, y);                                   \
                    store_vectors(out_row(frame, step, i), at, y);    \
                }                                                     \
            });                                                       \
        }                                                             \
    }
MBRL_UNARY_VECTORS(sigmoid, sigmoids)
MBRL_UNARY_VECTORS(silu, silus)

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
