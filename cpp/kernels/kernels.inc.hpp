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

/// Several vectors of lanes at a time: each is a chain of operations that wait for each other, the others fill the waiting.
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
