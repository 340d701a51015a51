// Problem: loading, sizes, evaluation of its programs on batches.
#include <pybind11/stl.h>

#include "bindings/inputs.hpp"
#include "problem/evaluate.hpp"
#include "problem/file.hpp"

namespace mbrl::bindings {
namespace {

std::shared_ptr<Problem> load(const py::bytes& bytes) {
    const std::string_view view = bytes;
    const py::gil_scoped_release release;
    return load_problem(view);
}

py::dict evaluate_program(const Problem& problem, const std::string& name, const py::dict& given, int member) {
    const Program& program = problem.program(name);
    check(member >= 0 && member < problem.members, "member must be in 0..", problem.members - 1, ", got ", member);
    std::vector<FloatArray> arrays;
    std::map<std::string, ArgumentValues> arguments;
    py::ssize_t batch = 1;
    for (const auto& argument : program.arguments) {
        check(given.contains(argument.name.c_str()), "program ", name, " needs ", argument.name, " of ", argument.size, " numbers");
        FloatArray array = to_floats(given[argument.name.c_str()], argument.name);
        const py::ssize_t size = argument.size;
        const py::ssize_t rows = size > 0 ? array.size() / size : 1;
        check(array.size() == rows * size && (rows == 1 || (array.ndim() >= 2 && array.shape(0) == rows)), argument.name,
              " must have shape [", size, "] or [batch, ", size, "], got ", shape_text(shape_of(array)));
        // A leading axis makes a batch, be it of one or none.
        if (array.ndim() >= 2 && array.shape(0) == rows && rows != 1) {
            check(batch == 1 || batch == rows, argument.name, " must have ", batch, " rows, got ", rows);
            batch = rows;
        }
        arguments[argument.name] = {array.data(), rows};
        arrays.push_back(std::move(array));
    }
    std::map<std::string, std::vector<float>> outputs;
    {
        py::gil_scoped_release release;
        const auto weights = problem.newest_weights();
        outputs = evaluate(program, member, batch, arguments, weights->programs.at(name).get());
    }
    py::dict result;
    for (const auto& [output, values] : outputs)
        result[output.c_str()] = copy_out(values.data(), {batch, static_cast<py::ssize_t>(program.outputs.at(output).size())});
    return result;
}

py::dict inputs_of(const Problem& problem) {
    py::dict inputs;
    for (const auto& input : problem.inputs) {
        py::tuple shape = py::cast(input.shape);
        inputs[input.name.c_str()] = input.per_step ? py::object(py::make_tuple("horizon") + shape) : py::object(shape);
    }
    return inputs;
}

py::dict test_vectors(const Problem& problem) {
    py::dict vectors;
    for (const auto& [name, tensor] : problem.test_vectors)
        vectors[name.c_str()] = copy_out(tensor.data.data(), {tensor.shape.begin(), tensor.shape.end()});
    return vectors;
}

}  // namespace

void bind_problem(py::module_& module) {
    py::class_<Problem, std::shared_ptr<Problem>>(module, "Problem", "A loaded Problem file.")
        .def(py::init(&load), py::arg("data"))
        .def_readonly("state_size", &Problem::state_size)
        .def_readonly("action_size", &Problem::action_size)
        .def_readonly("dt", &Problem::dt)
        .def_readonly("members", &Problem::members)
        .def_readonly("graph", &Problem::graph)
        .def_property_readonly("reward_bound", [](const Problem& self) { return self.newest_weights()->bounds.reward; })
        .def_property_readonly("action_low", [](const Problem& p) { return copy_out(p.action_low.data(), {p.action_size}); })
        .def_property_readonly("action_high", [](const Problem& p) { return copy_out(p.action_high.data(), {p.action_size}); })
        .def_property_readonly("inputs", &inputs_of)
        .def_property_readonly("test_vectors", &test_vectors)
        .def(
            "multiply_adds", [](const Problem& p, const std::string& name) { return p.program(name).multiply_adds(); },
            py::arg("program"))
        .def("evaluate", &evaluate_program, py::arg("program"), py::arg("arguments"), py::arg("member") = 0)
        .def("assign_weights", &Problem::assign_weights, py::arg("other"));
}

}  // namespace mbrl::bindings
