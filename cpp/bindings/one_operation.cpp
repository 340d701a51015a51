#include "bindings/one_operation.hpp"

#include <numeric>

#include "kernels/dispatch.hpp"

namespace mbrl::bindings {

std::vector<float> transposed(const float* values, py::ssize_t rows, py::ssize_t columns) {
    std::vector<float> result(static_cast<std::size_t>(rows * columns));
    for (py::ssize_t r = 0; r < rows; ++r)
        for (py::ssize_t c = 0; c < columns; ++c) result[c * rows + r] = values[r * columns + c];
    return result;
}

OneOperation::OneOperation(const std::string& name, const py::list& inputs, py::ssize_t outputs, bool relu) {
    program_.name = name;
    Instruction instruction;
    instruction.op = find_op(name.c_str());
    instruction.relu = relu;
    check(instruction.op >= 0, "unknown operation '", name, "', see op_table()");
    check(!inputs.empty(), "inputs must not be empty");
    check(outputs >= 1, "outputs must be >= 1, got ", outputs);
    std::vector<FloatArray> arrays;
    for (const auto& input : inputs) arrays.push_back(to_floats(input, "inputs"));
    if (kernels().ops[instruction.op].kind == OpKind::linear) {
        take_weights(instruction, arrays, outputs);
        arrays.resize(1);
    }
    check(arrays[0].ndim() == 2, "inputs must have shape [rows, lanes]");
    lanes_ = arrays[0].shape(1);
    int row = 0;
    const auto next_rows = [&](py::ssize_t count) {
        std::vector<int> rows(count);
        std::iota(rows.begin(), rows.end(), row);
        row += static_cast<int>(count);
        return rows;
    };
    for (const FloatArray& array : arrays) {
        check_shape(array, {-1, lanes_}, "inputs");
        const std::string argument = "x" + std::to_string(program_.arguments.size());
        program_.arguments.push_back({argument, static_cast<int>(array.shape(0)), false, 0});
        instruction.in.push_back(next_rows(array.shape(0)));
        add(argument, array);
    }
    instruction.out = next_rows(outputs);
    program_.outputs["y"] = instruction.out;
    program_.instructions.push_back(std::move(instruction));
    program_.finish(nullptr);
}

void OneOperation::add(const std::string& argument, const FloatArray& values) {
    arguments_[argument] = {held_.emplace_back(transposed(values.data(), values.shape(0), lanes_)).data(), lanes_};
}

void OneOperation::take_weights(Instruction& instruction, const std::vector<FloatArray>& arrays, py::ssize_t outputs) {
    check(arrays.size() == 3, "linear needs inputs, weight and bias, got ", arrays.size(), " arrays");
    check_shape(arrays[1], {outputs, arrays[0].shape(0)}, "weight");
    check_shape(arrays[2], {outputs}, "bias");
    weight_ = {{1, outputs, arrays[0].shape(0)}, {arrays[1].data(), arrays[1].data() + arrays[1].size()}};
    bias_ = {{1, outputs}, {arrays[2].data(), arrays[2].data() + arrays[2].size()}};
    instruction.weight = &weight_;
    instruction.bias = &bias_;
}

}  // namespace mbrl::bindings
