// Kernels that fuse multiplications and additions without the instruction, lane by lane: the bits of AVX2, AVX-512 and NEON on
// every machine, slowly. For tests and for replaying a plan; chosen by MBRL_FAST_ISA=scalar only.
#define MBRL_SCALAR_FMA 1
#define MBRL_ISA scalar
#define MBRL_TABLE scalar_kernels

#include "kernels/isa.inc.hpp"
