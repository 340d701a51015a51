// The one source of every kernel, compiled once per instruction set. Include inside `namespace MBRL_ISA`.

static inline vf read(const Frame& frame, Operand operand, int32_t lane) {
    return operand.advance ? load(frame.lanes + operand.offset + lane) : load(frame.uniforms + operand.offset);
}

#define MBRL_UNARY(NAME, EXPRESSION)                                         \
    static void NAME##_kernel(const Frame& frame, const Step& step) {        \
        for (int32_t i = 0; i < step.count; ++i) {                           \
            for (int32_t lane = 0; lane < frame.width; lane += MBRL_LANES) { \
                const vf a = read(frame, step.in[0][i], lane);               \
                store(frame.lanes + step.out[i] + lane, EXPRESSION);         \
            }                                                                \
        }                                                                    \
    }
#define MBRL_BINARY(NAME, EXPRESSION)                                        \
    static void NAME##_kernel(const Frame& frame, const Step& step) {        \
        for (int32_t i = 0; i < step.count; ++i) {                           \
            for (int32_t lane = 0; lane < frame.width; lane += MBRL_LANES) { \
                const vf a = read(frame, step.in[0][i], lane);               \
                const vf b = read(frame, step.in[1][i], lane);               \
                store(frame.lanes + step.out[i] + lane, EXPRESSION);         \
            }                                                                \
        }                                                                    \
    }
#define MBRL_TERNARY(NAME, EXPRESSION)                                       \
    static void NAME##_kernel(const Frame& frame, const Step& step) {        \
        for (int32_t i = 0; i < step.count; ++i) {                           \
            for (int32_t lane = 0; lane < frame.width; lane += MBRL_LANES) { \
                const vf a = read(frame, step.in[0][i], lane);               \
                const vf b = read(frame, step.in[1][i], lane);               \
                const vf c = read(frame, step.in[2][i], lane);               \
                store(frame.lanes + step.out[i] + lane, EXPRESSION);         \
            }                                                                \
        }                                                                    \
    }
/// count output rows, each from `inner` rows in ascending order.
#define MBRL_REDUCE(NAME, EXPRESSION)                                        \
    static void NAME##_kernel(const Frame& frame, const Step& step) {        \
        for (int32_t i = 0; i < step.count; ++i) {                           \
            const Operand* row = step.in[0] + int64_t(i) * step.inner;       \
            for (int32_t lane = 0; lane < frame.width; lane += MBRL_LANES) { \
                vf a = read(frame, row[0], lane);                            \
                for (int32_t k = 1; k < step.inner; ++k) {                   \
                    const vf b = read(frame, row[k], lane);                  \
                    a = EXPRESSION;                                          \
                }                                                            \
                store(frame.lanes + step.out[i] + lane, a);                  \
            }                                                                \
        }                                                                    \
    }

// A NaN on either side wins, as in torch: max/min instructions would pick the second operand.
static inline vf vminimum(vf a, vf b) { return select(a != a, a, select(b != b, b, select(a < b, a, b))); }
static inline vf vmaximum(vf a, vf b) { return select(a != a, a, select(b != b, b, select(a > b, a, b))); }

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
MBRL_UNARY(sigmoid, vsigmoid(a))
MBRL_UNARY(silu, vsilu(a))
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

static void sum_kernel(const Frame& frame, const Step& step) {
    for (int32_t i = 0; i < step.count; ++i) {
        const Operand* row = step.in[0] + int64_t(i) * step.inner;
        for (int32_t lane = 0; lane < frame.width; lane += MBRL_LANES) {
            vf total = read(frame, step.has_start ? step.in[1][i] : row[0], lane);
            for (int32_t k = step.has_start ? 0 : 1; k < step.inner; ++k) total += read(frame, row[k], lane);
            store(frame.lanes + step.out[i] + lane, total);
        }
    }
}

static void dot_kernel(const Frame& frame, const Step& step) {
    for (int32_t i = 0; i < step.count; ++i) {
        const Operand* a = step.in[0] + int64_t(i) * step.inner;
        const Operand* b = step.in[1] + int64_t(i) * step.inner;
        for (int32_t lane = 0; lane < frame.width; lane += MBRL_LANES) {
            vf total = step.has_start ? read(frame, step.in[2][i], lane) : splat(0.0f);
            for (int32_t k = 0; k < step.inner; ++k) total = fma(read(frame, a[k], lane), read(frame, b[k], lane), total);
            store(frame.lanes + step.out[i] + lane, total);
        }
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
            store(frame.lanes + step.out[i] + lane, index);
        }
    }
}
static void argmax_kernel(const Frame& frame, const Step& step) { arg_kernel<true>(frame, step); }
static void argmin_kernel(const Frame& frame, const Step& step) { arg_kernel<false>(frame, step); }
