// Kernels for every machine of the architecture: x86-64 without FMA, or AArch64 (NEON).
#define MBRL_ISA baseline
#define MBRL_TABLE baseline_kernels
#include "kernels/isa.inc.hpp"
