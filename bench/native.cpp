// Loops that the benches set beside plans: multiply-adds that never leave the registers. Compiled by bench/native.py.
#include <cstdint>

namespace {

// As many independent chains as hide the latency of a multiply-add on any core we know of (2 a cycle × 4–5 cycles), with none
// in memory: AVX2 has 16 registers, two of them hold the factors. Written out: an array might be spilled.
template <class V>
__attribute__((always_inline)) inline float spin(std::int64_t rounds) {
    const V b = V{} + 0.999f, c = V{} + 1e-3f;
    V a0 = V{} + 1.f, a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0, a8 = a0, a9 = a0, a10 = a0, a11 = a0;
    for (std::int64_t i = 0; i < rounds; ++i) {
        a0 = a0 * b + c, a1 = a1 * b + c, a2 = a2 * b + c, a3 = a3 * b + c, a4 = a4 * b + c, a5 = a5 * b + c;
        a6 = a6 * b + c, a7 = a7 * b + c, a8 = a8 * b + c, a9 = a9 * b + c, a10 = a10 * b + c, a11 = a11 * b + c;
        // Keeps the twelve chains apart and in registers: the compiler may neither merge nor shorten them.
#if defined(__x86_64__)
        asm volatile("" : "+x"(a0), "+x"(a1), "+x"(a2), "+x"(a3), "+x"(a4), "+x"(a5));
        asm volatile("" : "+x"(a6), "+x"(a7), "+x"(a8), "+x"(a9), "+x"(a10), "+x"(a11));
#else
        asm volatile("" : "+w"(a0), "+w"(a1), "+w"(a2), "+w"(a3), "+w"(a4), "+w"(a5));
        asm volatile("" : "+w"(a6), "+w"(a7), "+w"(a8), "+w"(a9), "+w"(a10), "+w"(a11));
#endif
    }
    const V sum = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11;
    return sum[0];
}

using V4 = float __attribute__((vector_size(16)));
using V8 = float __attribute__((vector_size(32)));
using V16 = float __attribute__((vector_size(64)));

}  // namespace

extern "C" {

// Each runs `rounds` × 12 vectors of multiply-adds.
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) float spin_avx2(std::int64_t rounds) { return spin<V8>(rounds); }
__attribute__((target("avx512f,fma"))) float spin_avx512(std::int64_t rounds) { return spin<V16>(rounds); }
#endif
float spin_baseline(std::int64_t rounds) { return spin<V4>(rounds); }

int has_isa(int which) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return which == 0 || (which == 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) ||
           (which == 2 && __builtin_cpu_supports("avx512f"));
#else
    return which == 0;
#endif
}
}
