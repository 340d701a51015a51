// One element-wise kernel over one row, for planners: the same functions as the Problem's own operations, with the same bits.
#pragma once

#include "kernels/dispatch.hpp"

namespace mbrl {

/// row ← operation(row), the operation as find_op() numbers it; `width` is a multiple of the vector length.
inline void map_row(int operation, float* row, int width) {
    const Operand whole{0, 1};
    Step step{};
    step.in[0] = &whole;
    step.count = 1;
    kernels().ops[operation].run({row, nullptr, nullptr, width, 0}, step);
}

}  // namespace mbrl
