// The table of operations, single operations for tests and constant folding, and what was built.
#include <pybind11/stl.h>

#include "bindings/arrays.hpp"
#include "kernels/dispatch.hpp"
#include "problem/evaluate.hpp"

namespace mbrl::bindings {
namespace {

const char* kind_name(OpKind kind) {
    switch (kind) {
        case OpKind::map:
            return "map";
        case OpKind::reduce:
            return "reduce";
        case OpKind::dot:
            return "dot";
        default:
            return "linear";
    }
}

py::list op_table() {
    py::list table;
    for (int op = 0; op < kernels().op_count; ++op) {
        const OpKernel& row = kernels().ops[op];
        table.append(py::dict(py::arg("name") = row.name, py::arg("kind") = kind_name(row.kind), py::arg("arity") = row.arity));
    }
    return table;
}

std::vector<int> ascending(int from, py::ssize_t count) {
    std::vector<int> rows(count);
    for (py::ssize_t i = 0; i < count; ++i) rows[i] = from + static_cast<int>(i);
    return rows;
}

/// A Program of one instruction, run by the real kernel.
FloatArray evaluate_op(const std::string& name, const py::list& inputs, int outputs) {
    Program program;
    program.name = "evaluate_op";
    Instruction instruction;
    instruction.op = find_op(name.c_str());
    check(instruction.op >= 0, "unknown operation '", name, "', see op_table()");
    check(!inputs.empty(), "inputs must not be empty");
    check(outputs >= 1, "outputs must be >= 1, got ", outputs);
    const bool linear = kernels().ops[instruction.op].kind == OpKind::linear;
    std::vector<FloatArray> arrays;
    for (const auto& input : inputs) arrays.push_back(to_floats(input, "inputs"));
    Tensor weight, bias;
    if (linear) {
        check(arrays.size() == 3, "linear needs inputs, weight and bias, got ", arrays.size(), " arrays");
        check_shape(arrays[1], {outputs, arrays[0].shape(0)}, "weight");
        check_shape(arrays[2], {outputs}, "bias");
        weight = {{1, outputs, arrays[0].shape(0)}, {arrays[1].data(), arrays[1].data() + arrays[1].size()}};
        bias = {{1, outputs}, {arrays[2].data(), arrays[2].data() + arrays[2].size()}};
        instruction.weight = &weight;
        instruction.bias = &bias;
        arrays.resize(1);
    }
    check(arrays[0].ndim() == 2, "inputs must have shape [rows, lanes]");
    const py::ssize_t lanes = arrays[0].shape(1);
    std::map<std::string, ArgumentValues> arguments;
    std::vector<std::vector<float>> transposed;
    transposed.reserve(arrays.size());
    int row = 0;
    for (std::size_t i = 0; i < arrays.size(); ++i) {
        check_shape(arrays[i], {-1, lanes}, "inputs");
        const py::ssize_t size = arrays[i].shape(0);
        auto& values = transposed.emplace_back(arrays[i].size());
        for (py::ssize_t r = 0; r < size; ++r)
            for (py::ssize_t lane = 0; lane < lanes; ++lane) values[lane * size + r] = arrays[i].at(r, lane);
        const std::string argument = "x" + std::to_string(i);
        program.arguments.push_back({argument, static_cast<int>(size), false, 0});
        instruction.in.push_back(ascending(row, size));
        arguments[argument] = {values.data(), lanes};
        row += static_cast<int>(size);
    }
    instruction.out = ascending(row, outputs);
    program.outputs["y"] = instruction.out;
    program.instructions.push_back(std::move(instruction));
    program.finish(nullptr);
    const auto result = evaluate(program, 0, lanes, arguments).at("y");
    FloatArray out({static_cast<py::ssize_t>(outputs), lanes});
    for (int r = 0; r < outputs; ++r)
        for (py::ssize_t lane = 0; lane < lanes; ++lane) out.mutable_at(r, lane) = result[lane * outputs + r];
    return out;
}

py::dict build_info() {
    return py::dict(py::arg("isa") = kernels().name, py::arg("lanes") = kernels().lanes, py::arg("compiler") = __VERSION__,
                    py::arg("version") = MBRL_FAST_VERSION);
}

}  // namespace

void bind_operations(py::module_& module) {
    module.def("op_table", &op_table, "Every operation: name, kind (map, reduce, dot, linear) and arity.");
    module.def("evaluate_op", &evaluate_op, py::arg("name"), py::arg("inputs"), py::arg("outputs"),
               "Runs one operation on inputs [rows, lanes] -> [outputs, lanes]; linear takes inputs, weight and bias.");
    module.def("build_info", &build_info, "Instruction set in use, vector length, compiler, version.");
}

}  // namespace mbrl::bindings
