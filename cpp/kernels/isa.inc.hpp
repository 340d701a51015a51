// Everything that an instruction-set file compiles. Define MBRL_ISA (namespace and name) and MBRL_TABLE before.

#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "kernels/kernel_table.hpp"

#define INFINITY_F __builtin_inff()
#define INFINITY_D __builtin_inf()
#define NAN_F __builtin_nanf("")
#define NAN_D __builtin_nan("")
#define MBRL_STRING2(X) #X
#define MBRL_STRING(X) MBRL_STRING2(X)

namespace mbrl {
namespace {
namespace MBRL_ISA {
#include "kernels/simd.hpp"
#include "kernels/math.inc.hpp"
#include "kernels/kernels.inc.hpp"
#include "kernels/reduce.inc.hpp"
#include "kernels/linear.inc.hpp"
#include "kernels/noise.inc.hpp"
#include "kernels/table.inc.hpp"
}  // namespace MBRL_ISA
}  // namespace

const KernelTable MBRL_TABLE = {
    MBRL_STRING(MBRL_ISA),
    MBRL_LANES,
    MBRL_ISA::ops,
    MBRL_ISA::op_count,
    MBRL_ISA::normals_kernel,
    MBRL_ISA::affine_clip_kernel,
    MBRL_ISA::truncate_kernel,
    MBRL_ISA::lower_triangular_kernel,
    MBRL_ISA::accumulate_kernel,
    MBRL_ISA::add_scaled_kernel,
};

}  // namespace mbrl
