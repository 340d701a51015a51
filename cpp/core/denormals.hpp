// Flush-to-zero for a scope: one denormal can make a model step ten times slower.
#pragma once

#include <cstdint>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace mbrl {

/// Sets flush-to-zero (and denormals-are-zero on x86) on this thread, restores the caller's mode at the end.
class FlushDenormals {
 public:
    FlushDenormals() : saved_(read()) {
#if defined(__x86_64__)
        write(saved_ | 0x8040u);  // FTZ, DAZ
#elif defined(__aarch64__)
        write(saved_ | (std::uint64_t{1} << 24));  // FZ
#endif
    }
    ~FlushDenormals() { write(saved_); }
    FlushDenormals(const FlushDenormals&) = delete;
    FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
    static std::uint64_t read() {
#if defined(__x86_64__)
        return _mm_getcsr();
#elif defined(__aarch64__)
        std::uint64_t value;
        asm volatile("mrs %0, fpcr" : "=r"(value));
        return value;
#else
        return 0;
#endif
    }
    static void write(std::uint64_t value) {
#if defined(__x86_64__)
        _mm_setcsr(static_cast<unsigned>(value));
#elif defined(__aarch64__)
        asm volatile("msr fpcr, %0" : : "r"(value));
#else
        (void)value;
#endif
    }
    std::uint64_t saved_;
};

}  // namespace mbrl
