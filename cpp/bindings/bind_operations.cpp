// The table of operations, single operations for tests and constant folding, and what was built.
#include <pybind11/stl.h>

#include "bindings/one_operation.hpp"
#include "kernels/dispatch.hpp"

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

/// A Program of one instruction, run by the real kernel.
FloatArray evaluate_op(const std::string& name, const py::list& inputs, int outputs) {
    const OneOperation operation(name, inputs, outputs);
    const auto result = evaluate(operation.program(), 0, operation.lanes(), operation.arguments()).at("y");
    return copy_out(transposed(result.data(), operation.lanes(), outputs).data(), {outputs, operation.lanes()});
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
