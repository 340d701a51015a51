// Evaluating one of a Problem's programs on a batch: for step, act, observe, verification and tests. Not the fast path.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "problem/problem.hpp"

namespace mbrl {

/// Values of one argument: [rows, size] with rows = 1 (the same for the whole batch) or the batch size.
struct ArgumentValues {
    const float* data;
    std::int64_t rows;
};

/// Outputs by name, each [batch, size]. Arguments that the program does not use are ignored; a missing one is an Error.
/// `weights`: other ones than the program's own.
std::map<std::string, std::vector<float>> evaluate(const Program& program, int member, std::int64_t batch,
                                                   const std::map<std::string, ArgumentValues>& arguments,
                                                   const Weights* weights = nullptr);

}  // namespace mbrl
