// Gradients of operations (for tests), of programs on batches, of rollouts, and quadratic models along a trajectory.
#include <pybind11/stl.h>

#include "bindings/inputs.hpp"
#include "bindings/one_operation.hpp"
#include "planners/noise.hpp"
#include "problem/gradients.hpp"
#include "problem/quadratic.hpp"

namespace mbrl::bindings {
namespace {

/// The adjoint of a Program of one instruction: gradients [rows, lanes] of Σ cotangents·outputs by each operand.
py::list operation_gradient(const std::string& name, const py::list& inputs, py::handle cotangent_values, bool relu) {
    const FloatArray cotangents = to_floats(cotangent_values, "cotangents");
    check_shape(cotangents, {-1, -1}, "cotangents");
    OneOperation operation(name, inputs, cotangents.shape(0), relu);
    check_shape(cotangents, {-1, operation.lanes()}, "cotangents");
    operation.add(cotangent_of("y"), cotangents);
    const auto derived = adjoint(operation.program(), {"gradient of " + name, {"y"}, {}});
    const auto gradients = evaluate(derived->program(), 0, operation.lanes(), operation.arguments());
    py::list result;
    for (const auto& argument : operation.program().arguments) {
        const auto& values = gradients.at(gradient_of(argument.name));
        result.append(
            copy_out(transposed(values.data(), operation.lanes(), argument.size).data(), {argument.size, operation.lanes()}));
    }
    return result;
}

/// Gradients [batch, size] of Σ cotangents·outputs by the lane arguments of a program. Arguments [1 or batch, size].
py::dict program_gradient(const Problem& problem, const std::string& name, const py::dict& given, const py::dict& cotangents,
                          int member) {
    check(member >= 0 && member < problem.members, "member must be in 0..", problem.members - 1, ", got ", member);
    const Program& program = problem.program(name);
    std::vector<std::string> outputs;
    for (const auto& [key, value] : cotangents) {
        outputs.push_back(py::str(key));
        check(program.outputs.contains(outputs.back()), "program ", name, " has no output ", outputs.back());
    }
    const DerivedProgram& derived = adjoint_of(problem, name, outputs);
    std::vector<FloatArray> arrays;
    std::map<std::string, ArgumentValues> arguments;
    py::ssize_t batch = 1;
    const auto bind = [&](const std::string& argument, const py::dict& values, const std::string& key, py::ssize_t size) {
        check(values.contains(key.c_str()), "program ", name, " needs ", key, " of ", size, " numbers");
        FloatArray array = to_floats(values[key.c_str()], key);
        check_shape(array, {-1, size}, key);
        check(batch == 1 || array.shape(0) == 1 || array.shape(0) == batch, key, " must have ", batch, " rows, got ",
              array.shape(0));
        batch = std::max(batch, array.shape(0));
        arguments[argument] = {array.data(), array.shape(0)};
        arrays.push_back(std::move(array));
    };
    for (const auto& argument : program.arguments) bind(argument.name, given, argument.name, argument.size);
    for (const auto& output : outputs)
        bind(cotangent_of(output), cotangents, output, static_cast<py::ssize_t>(program.outputs.at(output).size()));
    std::map<std::string, std::vector<float>> gradients;
    {
        const py::gil_scoped_release release;
        const auto weights = problem.weights_with_derived();
        gradients = evaluate(derived.program(), member, batch, arguments,
                             weights ? weights->programs.at(derived.program().name).get() : nullptr);
    }
    py::dict result;
    for (const auto& argument : program.arguments)
        if (!argument.uniform)
            result[argument.name.c_str()] = copy_out(gradients.at(gradient_of(argument.name)).data(), {batch, argument.size});
    return result;
}

/// [N, H, A] → rows over candidates; those behind the last are the last again.
AlignedFloats rows_over_candidates(const float* values, py::ssize_t count, py::ssize_t size, int padded) {
    AlignedFloats rows(static_cast<std::size_t>(size) * padded);
    for (py::ssize_t e = 0; e < size; ++e)
        for (py::ssize_t i = 0; i < padded; ++i) rows[e * padded + i] = values[std::min(i, count - 1) * size + e];
    return rows;
}

std::vector<float> previous_of(const Problem& problem, py::handle previous_action) {
    std::vector<float> previous(problem.action_size, 0.0f);
    if (previous_action.is_none()) return previous;
    const FloatArray array = floats(previous_action, {problem.action_size}, "previous_action");
    std::copy_n(array.data(), previous.size(), previous.begin());
    return previous;
}

py::tuple rollout_gradient(std::shared_ptr<const Problem> problem, py::handle state, py::handle action_values,
                           const py::dict& given, py::handle previous_action, int steps_per_knot, double discount, int threads,
                           int particles, Propagation propagation, std::uint64_t seed, std::uint32_t stream, std::uint32_t plan) {
    const py::ssize_t s = problem->state_size, a = problem->action_size;
    const FloatArray actions = floats(action_values, {-1, -1, a}, "actions");
    check(actions.shape(0) >= 1 && actions.shape(1) >= 1, "actions must hold at least one candidate and one step, got shape ",
          shape_text(shape_of(actions)));
    check(threads >= 1 && threads <= 1024, "threads must be in 1..1024, got ", threads);
    check(discount > 0 && discount <= 1, "discount must be in (0, 1], got ", discount);
    const auto n = static_cast<int>(actions.shape(0));
    const FloatArray states = to_floats(state, "state");
    const bool each = states.ndim() == 2;
    check_shape(states, each ? std::vector<py::ssize_t>{n, s} : std::vector<py::ssize_t>{s}, "state");
    check_finite(states, "state");
    const int horizon = static_cast<int>(actions.shape(1));
    RolloutGradient rollouts(problem, {n, horizon, steps_per_knot, discount, Objective::mean, 0, particles, propagation},
                             std::make_shared<ThreadPool>(threads));
    const int padded = rollouts.padded_population();
    const BoundInputs inputs(*problem, given, rollouts.shape().steps());
    const std::vector<float> previous = previous_of(*problem, previous_action);
    FloatArray returns(n), gradients({static_cast<py::ssize_t>(n), static_cast<py::ssize_t>(horizon), a});
    float *returns_data = returns.mutable_data(), *gradients_data = gradients.mutable_data();
    {
        const py::gil_scoped_release release;
        const AlignedFloats action_rows = rows_over_candidates(actions.data(), n, horizon * a, padded);
        AlignedFloats start_rows, gradient_rows(static_cast<std::size_t>(horizon * a) * padded), results(padded);
        rollouts.draw_particles(noise_key(seed, stream), plan);
        rollouts.start(states.data(), previous.data(), inputs.values());
        if (each) {
            start_rows = rows_over_candidates(states.data(), n, s, padded);
            rollouts.start_states(start_rows.data(), padded);
        }
        rollouts.run({action_rows.data(), padded}, n, results.data(), {gradient_rows.data(), padded});
        std::copy_n(results.data(), n, returns_data);
        for (py::ssize_t e = 0; e < horizon * a; ++e)
            for (int i = 0; i < n; ++i) gradients_data[i * horizon * a + e] = gradient_rows[e * padded + i];
    }
    return py::make_tuple(returns, gradients);
}

py::dict quadratic(std::shared_ptr<const Problem> problem, py::handle state_values, py::handle action_values, const py::dict& given,
                   py::handle previous_action, int member, double smoothing, int threads) {
    const py::ssize_t s = problem->state_size, a = problem->action_size;
    const FloatArray actions = floats(action_values, {-1, a}, "actions");
    const py::ssize_t count = actions.shape(0);
    check(count >= 1, "actions must hold at least one step");
    const FloatArray states = floats(state_values, {count + 1, s}, "states");
    check(threads >= 1 && threads <= 1024, "threads must be in 1..1024, got ", threads);
    QuadraticModel model(problem, static_cast<int>(count), std::make_shared<ThreadPool>(threads),
                         {member, static_cast<float>(smoothing)});
    const BoundInputs inputs(*problem, given, static_cast<int>(count));
    const std::vector<float> previous = previous_of(*problem, previous_action);
    {
        const py::gil_scoped_release release;
        model.start(previous.data(), inputs.values());
        model.run(states.data(), actions.data(), static_cast<int>(count));
    }
    const py::ssize_t v = model.variables();
    return py::dict(py::arg("jacobian") = copy_out(model.jacobian().data(), {count, s, v}),
                    py::arg("rewards") = copy_out(model.rewards().data(), {count}),
                    py::arg("gradient") = copy_out(model.gradient().data(), {count, v}),
                    py::arg("curvature") = copy_out(model.curvature().data(), {count, v, v}),
                    py::arg("terminal_value") = model.terminal_value(),
                    py::arg("terminal_gradient") = copy_out(model.terminal_gradient().data(), {s}),
                    py::arg("terminal_curvature") = copy_out(model.terminal_curvature().data(), {s, s}));
}

}  // namespace

void bind_gradients(py::module_& module) {
    module.def("has_gradient", &has_gradient, py::arg("operation"), "Whether there is a rule for the operation's derivative.");
    module.def(
        "operation_gradient", &operation_gradient, py::arg("name"), py::arg("inputs"), py::arg("cotangents"),
        py::arg("relu") = false,
        "Gradients [rows, lanes] by each operand of one operation on inputs [rows, lanes], given cotangents [outputs, lanes].");
    module.def(
        "program_gradient", &program_gradient, py::arg("problem"), py::arg("program"), py::arg("arguments"), py::arg("cotangents"),
        py::arg("member") = 0,
        "Gradients of the sum of cotangents times outputs by the lane arguments of a program; everything [1 or batch, size].");
    module.def("rollout_gradient", &rollout_gradient, py::arg("problem"), py::arg("state"), py::arg("actions"), py::arg("inputs"),
               py::arg("previous_action") = py::none(), py::arg("steps_per_knot") = 1, py::arg("discount") = 1.0,
               py::arg("threads") = 1, py::arg("particles") = 0, py::arg("propagation") = Propagation::ts_inf, py::arg("seed") = 0,
               py::arg("stream") = 0, py::arg("plan") = 0, "Returns [N] and their gradients [N, H, A].");
    module.def("quadratic", &quadratic, py::arg("problem"), py::arg("states"), py::arg("actions"), py::arg("inputs"),
               py::arg("previous_action") = py::none(), py::arg("member") = -1, py::arg("smoothing") = 1e-3, py::arg("threads") = 1,
               "A quadratic model along a trajectory: states [T + 1, S], actions [T, A].");
}

}  // namespace mbrl::bindings
