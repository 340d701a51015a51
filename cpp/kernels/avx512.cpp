// Kernels for AVX-512 (x86-64-v4): 16 lanes, 32 registers.
#define MBRL_ISA avx512
#define MBRL_TABLE avx512_kernels
#include "kernels/isa.inc.hpp"
