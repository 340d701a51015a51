// Problem: loading, sizes, evaluation of its programs on batches, rollouts.
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

/// [N, H, A] → rows over candidates.
void transpose_actions(const FloatArray& actions, float* rows, int padded) {
    const auto n = actions.shape(0), elements = actions.shape(1) * actions.shape(2);
    const float* data = actions.data();
    for (py::ssize_t e = 0; e < elements; ++e)
        for (py::ssize_t i = 0; i < padded; ++i) rows[e * padded + i] = data[std::min(i, n - 1) * elements + e];
}

py::object rollout(std::shared_ptr<const Problem> problem, py::handle state, py::handle action_values, const py::dict& given,
                   py::handle previous_action, int steps_per_knot, double discount, int threads, bool return_states) {
    const py::ssize_t s = problem->state_size, a = problem->action_size;
    const FloatArray actions = floats(action_values, {-1, -1, a}, "actions");
    check(actions.shape(0) >= 1 && actions.shape(1) >= 1, "actions must hold at least one candidate and one step, got shape ",
          shape_text(shape_of(actions)));
    check(threads >= 1 && threads <= 1024, "threads must be in 1..1024, got ", threads);
    check(discount > 0 && discount <= 1, "discount must be in (0, 1], got ", discount);
    const auto n = static_cast<int>(actions.shape(0));
    FloatArray states = to_floats(state, "state");
    const bool each = states.ndim() == 2;
    check_shape(states, each ? std::vector<py::ssize_t>{n, s} : std::vector<py::ssize_t>{s}, "state");
    check_finite(states, "state");
    Rollout rollouts(problem, {n, static_cast<int>(actions.shape(1)), steps_per_knot, discount},
                     std::make_shared<ThreadPool>(threads));
    const int steps = rollouts.shape().steps(), padded = rollouts.padded_population();
    const BoundInputs inputs(*problem, given, steps);
    std::vector<float> previous(a, 0.0f);
    if (!previous_action.is_none()) {
        const FloatArray array = floats(previous_action, {a}, "previous_action");
        std::copy_n(array.data(), a, previous.begin());
    }
    FloatArray returns(n), visited(return_states ? std::vector<py::ssize_t>{n, steps + 1, s} : std::vector<py::ssize_t>{0});
    float* visited_data = visited.mutable_data();
    float* returns_data = returns.mutable_data();
    {
        py::gil_scoped_release release;
        AlignedFloats action_rows(static_cast<std::size_t>(actions.shape(1) * a) * padded), results(padded);
        AlignedFloats start_rows(each ? static_cast<std::size_t>(s) * padded : 0);
        AlignedFloats state_rows(return_states ? static_cast<std::size_t>(steps + 1) * s * padded : 0);
        transpose_actions(actions, action_rows.data(), padded);
        rollouts.start(states.data(), previous.data(), inputs.values());
        if (each) {
            for (py::ssize_t i = 0; i < s; ++i)
                for (int c = 0; c < padded; ++c) start_rows[i * padded + c] = states.data()[std::min(c, n - 1) * s + i];
            rollouts.start_states(start_rows.data(), padded);
        }
        rollouts.run({action_rows.data(), padded}, n, results.data(), {return_states ? state_rows.data() : nullptr, padded});
        std::copy_n(results.data(), n, returns_data);
        if (return_states)
            for (int c = 0; c < n; ++c)
                for (py::ssize_t i = 0; i < (steps + 1) * s; ++i)
                    visited_data[c * (steps + 1) * s + i] = state_rows[i * padded + c];
    }
    if (return_states) return py::make_tuple(returns, visited);
    return returns;
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
        .def("assign_weights", &Problem::assign_weights, py::arg("other"))
        .def("rollout", &rollout, py::arg("state"), py::arg("actions"), py::arg("inputs"), py::arg("previous_action") = py::none(),
             py::arg("steps_per_knot") = 1, py::arg("discount") = 1.0, py::arg("threads") = 1, py::arg("return_states") = false);
}

}  // namespace mbrl::bindings
