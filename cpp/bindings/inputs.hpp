// Run-time inputs: a dict of arrays by name → pointers in the order of Problem::inputs.
#pragma once

#include "bindings/arrays.hpp"
#include "problem/rollout.hpp"

namespace mbrl::bindings {

inline std::vector<py::ssize_t> input_shape(const Input& input, int steps) {
    std::vector<py::ssize_t> shape(input.shape.begin(), input.shape.end());
    if (input.per_step) shape.insert(shape.begin(), steps);
    return shape;
}

/// Checked inputs; keeps the converted arrays alive. With `batch` > 0 an input may carry a leading batch axis.
class BoundInputs {
 public:
    BoundInputs(const Problem& problem, const py::dict& given, int steps, py::ssize_t batch = 0) {
        for (const auto& [key, value] : given) {
            const std::string name = py::str(key);
            check(problem.find_input(name) != nullptr, "unknown input '", name, "', this problem has: ", names(problem));
        }
        for (const auto& input : problem.inputs) {
            auto shape = input_shape(input, steps);
            check(given.contains(input.name.c_str()), "input '", input.name, "' is missing, its shape is ", shape_text(shape));
            FloatArray array = to_floats(given[input.name.c_str()], input.name);
            const bool batched = batch > 0 && array.ndim() == static_cast<py::ssize_t>(shape.size()) + 1;
            if (batched) shape.insert(shape.begin(), batch);
            check_shape(array, shape, input.name);
            check_finite(array, input.name);
            strides_.push_back(batched ? array.size() / batch : 0);
            values_.push_back(array.data());
            arrays_.push_back(std::move(array));
        }
    }
    const InputValues& values() const { return values_; }
    /// The inputs of row `row` of a batch.
    void select(py::ssize_t row, InputValues& values) const {
        for (std::size_t i = 0; i < values_.size(); ++i) values[i] = values_[i] + row * strides_[i];
    }

 private:
    static std::string names(const Problem& problem) {
        std::string text;
        for (const auto& input : problem.inputs) text += (text.empty() ? "" : ", ") + input.name;
        return text.empty() ? "none" : text;
    }
    std::vector<FloatArray> arrays_;
    InputValues values_;
    std::vector<py::ssize_t> strides_;
};

}  // namespace mbrl::bindings
