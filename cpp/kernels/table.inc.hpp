// The table of operations: a new one is a row here, a kernel, and a lowering rule in python/mbrl_fast/export.
// Include inside `namespace MBRL_ISA`, after the kernels.

#define MBRL_ROW(NAME, KIND, ARITY) {#NAME, OpKind::KIND, ARITY, NAME##_kernel}
static constexpr OpKernel ops[] = {
    MBRL_ROW(copy, map, 1),        MBRL_ROW(neg, map, 1),        MBRL_ROW(abs, map, 1),         MBRL_ROW(sign, map, 1),
    MBRL_ROW(floor, map, 1),       MBRL_ROW(ceil, map, 1),       MBRL_ROW(round, map, 1),       MBRL_ROW(trunc, map, 1),
    MBRL_ROW(sqrt, map, 1),        MBRL_ROW(exp, map, 1),        MBRL_ROW(expm1, map, 1),       MBRL_ROW(log, map, 1),
    MBRL_ROW(log1p, map, 1),       MBRL_ROW(sin, map, 1),        MBRL_ROW(cos, map, 1),         MBRL_ROW(tan, map, 1),
    MBRL_ROW(asin, map, 1),        MBRL_ROW(acos, map, 1),       MBRL_ROW(atan, map, 1),        MBRL_ROW(tanh, map, 1),
    MBRL_ROW(sigmoid, map, 1),     MBRL_ROW(silu, map, 1),       MBRL_ROW(softplus, map, 1),    MBRL_ROW(erf, map, 1),
    MBRL_ROW(relu, map, 1),        MBRL_ROW(isnan, map, 1),      MBRL_ROW(logical_not, map, 1), MBRL_ROW(add, map, 2),
    MBRL_ROW(sub, map, 2),         MBRL_ROW(mul, map, 2),        MBRL_ROW(div, map, 2),         MBRL_ROW(minimum, map, 2),
    MBRL_ROW(maximum, map, 2),     MBRL_ROW(pow, map, 2),        MBRL_ROW(atan2, map, 2),       MBRL_ROW(fmod, map, 2),
    MBRL_ROW(lt, map, 2),          MBRL_ROW(le, map, 2),         MBRL_ROW(eq, map, 2),          MBRL_ROW(ne, map, 2),
    MBRL_ROW(logical_and, map, 2), MBRL_ROW(logical_or, map, 2), MBRL_ROW(where, map, 3),       MBRL_ROW(fma, map, 3),
    MBRL_ROW(sum, reduce, 1),      MBRL_ROW(prod, reduce, 1),    MBRL_ROW(amax, reduce, 1),     MBRL_ROW(amin, reduce, 1),
    MBRL_ROW(argmax, reduce, 1),   MBRL_ROW(argmin, reduce, 1),  MBRL_ROW(dot, dot, 2),         MBRL_ROW(linear, linear, 1),
};
#undef MBRL_ROW
static constexpr int32_t op_count = sizeof(ops) / sizeof(ops[0]);
