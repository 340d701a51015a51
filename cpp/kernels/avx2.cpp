// Kernels for AVX2 + FMA (x86-64-v3).
#define MBRL_ISA avx2
#define MBRL_TABLE avx2_kernels
#include "kernels/isa.inc.hpp"
