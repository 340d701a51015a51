// Which kernels this process uses: the best that the processor supports, or what MBRL_FAST_ISA names.
#pragma once

#include "kernels/kernel_table.hpp"

namespace mbrl {

/// Throws Error when MBRL_FAST_ISA names a set that is unknown or that this processor lacks.
const KernelTable& kernels();

/// Index of the operation in KernelTable::ops, -1 when there is none of that name.
int find_op(const char* name);

}  // namespace mbrl
