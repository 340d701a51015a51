// The vector type of the instruction set being compiled, on GCC/Clang vector extensions.
// Included once per instruction-set file, inside its own namespace: nothing here may have external linkage, and no
// standard header with inline functions may come in (the linker could pick an AVX copy for everybody).
//
// Bits are equal across instruction sets because every lane does the same IEEE operations in the same order. `fma` is
// the only fused operation; the build forbids the compiler to contract others (-ffp-contract=off).

#if defined(__AVX512F__)
#define MBRL_LANES 16
#elif defined(__AVX2__) && defined(__FMA__)
#define MBRL_LANES 8
#else
#define MBRL_LANES 4
#endif

#if (defined(__AVX2__) && defined(__FMA__)) || defined(__aarch64__)
#define MBRL_FUSED 1  // `fma` below rounds once
#else
#define MBRL_FUSED 0
#endif

typedef float vf __attribute__((vector_size(MBRL_LANES * 4)));
typedef int32_t vi __attribute__((vector_size(MBRL_LANES * 4)));
typedef uint32_t vu __attribute__((vector_size(MBRL_LANES * 4)));
typedef uint64_t vw __attribute__((vector_size(MBRL_LANES * 8)));

static inline vf load(const float* p) { return *reinterpret_cast<const vf*>(p); }
static inline void store(float* p, vf x) { *reinterpret_cast<vf*>(p) = x; }
static inline vf splat(float x) { return x - vf{}; }
static inline vi splat_int(int32_t x) { return x - vi{}; }
static inline vu splat_bits(uint32_t x) { return x - vu{}; }
static inline vi bits(vf x) { return reinterpret_cast<vi>(x); }
static inline vf floats(vi x) { return reinterpret_cast<vf>(x); }
static inline vf select(vi mask, vf yes, vf no) { return mask ? yes : no; }
static inline vi to_int(vf x) { return __builtin_convertvector(x, vi); }
static inline vf to_float(vi x) { return __builtin_convertvector(x, vf); }
static inline vf truth(vi mask) { return floats(mask & bits(splat(1.0f))); }

/// a·b + c with one rounding wherever the hardware has it; x86 without FMA rounds twice (tolerance, not bits).
static inline vf fma(vf a, vf b, vf c) {
#if defined(__AVX512F__)
    return reinterpret_cast<vf>(
        _mm512_fmadd_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), reinterpret_cast<__m512>(c)));
#elif defined(__AVX2__) && defined(__FMA__)
    return reinterpret_cast<vf>(
        _mm256_fmadd_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b), reinterpret_cast<__m256>(c)));
#elif defined(__aarch64__)
    return vfmaq_f32(c, a, b);
#else
    return a * b + c;
#endif
}

/// a > b ? a : b and a < b ? a : b, in one instruction where there is one: b when either is NaN, b of two zeros.
static inline vf greater_or_second(vf a, vf b) {
#if defined(__AVX512F__)
    return reinterpret_cast<vf>(_mm512_max_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
#elif defined(__AVX2__) && defined(__FMA__)
    return reinterpret_cast<vf>(_mm256_max_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b)));
#elif defined(__x86_64__)
    return reinterpret_cast<vf>(_mm_max_ps(reinterpret_cast<__m128>(a), reinterpret_cast<__m128>(b)));
#else
    return select(a > b, a, b);
#endif
}
static inline vf less_or_second(vf a, vf b) {
#if defined(__AVX512F__)
    return reinterpret_cast<vf>(_mm512_min_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
#elif defined(__AVX2__) && defined(__FMA__)
    return reinterpret_cast<vf>(_mm256_min_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b)));
#elif defined(__x86_64__)
    return reinterpret_cast<vf>(_mm_min_ps(reinterpret_cast<__m128>(a), reinterpret_cast<__m128>(b)));
#else
    return select(a < b, a, b);
#endif
}

static inline vf vsqrt(vf a) {
#if defined(__AVX512F__)
    return reinterpret_cast<vf>(_mm512_sqrt_ps(reinterpret_cast<__m512>(a)));
#elif defined(__AVX2__) && defined(__FMA__)
    return reinterpret_cast<vf>(_mm256_sqrt_ps(reinterpret_cast<__m256>(a)));
#elif defined(__aarch64__)
    return vsqrtq_f32(a);
#else
    return reinterpret_cast<vf>(_mm_sqrt_ps(reinterpret_cast<__m128>(a)));
#endif
}
