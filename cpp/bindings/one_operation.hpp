// One operation as a Program, on arrays from Python: for tests of the kernels and for constant folding.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bindings/arrays.hpp"
#include "problem/evaluate.hpp"

namespace mbrl::bindings {

/// [rows, columns] → [columns, rows]
std::vector<float> transposed(const float* values, py::ssize_t rows, py::ssize_t columns);

/// y = operation(x0, x1, …), run by the real kernel. Its instruction points at the weights, so it stays where it is made.
class OneOperation {
 public:
    /// Inputs [rows, lanes]; a linear's are inputs, weight [outputs, rows] and bias [outputs].
    OneOperation(const std::string& name, const py::list& inputs, py::ssize_t outputs, bool relu = false);
    OneOperation(const OneOperation&) = delete;
    OneOperation& operator=(const OneOperation&) = delete;

    const Program& program() const { return program_; }
    /// Its arguments by name; `add` binds one more, [rows, lanes()].
    const std::map<std::string, ArgumentValues>& arguments() const { return arguments_; }
    void add(const std::string& argument, const FloatArray& values);
    py::ssize_t lanes() const { return lanes_; }

 private:
    void take_weights(Instruction& instruction, const std::vector<FloatArray>& arrays, py::ssize_t outputs);

    Program program_;
    Tensor weight_, bias_;
    py::ssize_t lanes_ = 0;
    std::vector<std::vector<float>> held_;  // moved as a whole: what `arguments_` points at stays
    std::map<std::string, ArgumentValues> arguments_;
};

}  // namespace mbrl::bindings
