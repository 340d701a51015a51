// Planners: arrays in, arrays out, the interpreter lock released while planning.
#include <pybind11/stl.h>

#include "bindings/inputs.hpp"
#include "bindings/plan_options.hpp"
#include "bindings/planners.hpp"

namespace mbrl::bindings {
namespace {

/// Empty when nobody knows.
FloatArray previous_or_none(py::handle value, const std::vector<py::ssize_t>& shape) {
    return value.is_none() ? FloatArray() : floats(value, shape, "previous_action");
}

void check_elapsed(double elapsed) {
    check(std::isfinite(elapsed) && elapsed >= 0, "elapsed must be >= 0 model steps and finite, got ", elapsed);
}

py::list trace_list(const Trace& trace, py::ssize_t horizon, py::ssize_t action_size) {
    py::list list;
    for (const TraceIteration& i : trace) {
        const py::ssize_t knots = static_cast<py::ssize_t>(i.mean.size()) / action_size;
        list.append(py::make_tuple(copy_out(i.actions.data(), {i.candidates, horizon, action_size}),
                                   copy_out(i.returns.data(), {i.candidates}), i.elites,
                                   copy_out(i.mean.data(), {knots, action_size}), copy_out(i.std.data(), {knots, action_size})));
    }
    return list;
}

double milliseconds_since(std::int64_t begin) { return 1e-6 * static_cast<double>(now_ns() - begin); }

py::tuple plan(BoundPlanner& self, py::handle state_values, const py::dict& given, py::handle previous_action, double elapsed,
               py::handle deadline_ms, py::handle max_tiles, py::handle delay, py::handle committed, py::handle candidates,
               py::handle action_low, py::handle action_high, py::handle temperature, bool tracing, int stream) {
    const Exclusive exclusive(self.busy);
    Planner& planner = *self.planner;
    const Problem& problem = planner.problem();
    const PlanOptions options(problem, deadline_ms, max_tiles, delay, committed);
    const py::ssize_t size = problem.state_size, a = problem.action_size, horizon = planner.horizon();
    const py::ssize_t steps = horizon * planner.steps_per_knot();
    check_elapsed(elapsed);
    check(stream >= 0, "stream must be >= 0, got ", stream);
    const FloatArray state = floats(state_values, {size}, "state");
    const BoundInputs inputs(problem, given, static_cast<int>(steps));
    const FloatArray previous = previous_or_none(previous_action, {a});
    const CallSettings call(planner, candidates, action_low, action_high, temperature);
    const Plan* result = nullptr;
    Trace trace;
    double milliseconds = 0;
    planner.reserve_streams(stream + 1);
    {
        py::gil_scoped_release release;
        result = &planner.plan(call.with({.state = state.data(),
                                          .previous_action = previous_action.is_none() ? nullptr : previous.data(),
                                          .inputs = inputs.values(),
                                          .elapsed = elapsed,
                                          .stream = stream,
                                          .deadline = options.deadline(options.entry()),
                                          .max_tiles = options.max_tiles(),
                                          .delay = options.delay(),
                                          .committed = options.committed(),
                                          .trace = tracing ? &trace : nullptr}));
        milliseconds = milliseconds_since(options.entry());
    }
    return py::make_tuple(
        copy_out(result->actions.data(), {horizon, a}), copy_out(result->states.data(), {result->has_states ? steps + 1 : 0, size}),
        result->value,
        copy_out(result->returns.data(), {result->has_states ? static_cast<py::ssize_t>(result->returns.size()) : 0}),
        status_name(result->status), result->tiles, result->model_steps, milliseconds, options.delay() * problem.dt,
        tracing ? py::object(trace_list(trace, horizon, a)) : py::none(),
        result->has_gains ? py::object(copy_out(result->gains.data(), {horizon, a, size})) : py::none());
}

py::tuple plan_batch(BoundPlanner& self, py::handle state_values, const py::dict& given, py::handle previous_actions,
                     double elapsed, py::handle deadline_ms, py::handle max_tiles, py::handle delay, py::handle committed,
                     py::handle candidates, py::handle action_low, py::handle action_high, py::handle temperature) {
    const Exclusive exclusive(self.busy);
    Planner& planner = *self.planner;
    const Problem& problem = planner.problem();
    const py::ssize_t size = problem.state_size, a = problem.action_size, horizon = planner.horizon();
    const py::ssize_t steps = horizon * planner.steps_per_knot();
    check_elapsed(elapsed);
    const FloatArray states = floats(state_values, {-1, size}, "states");
    const py::ssize_t batch = states.shape(0);
    const PlanOptions options(problem, deadline_ms, max_tiles, delay, batch > 0 ? committed : py::none(), batch);
    const BoundInputs inputs(problem, given, static_cast<int>(steps), batch);
    const FloatArray previous = previous_or_none(previous_actions, {batch, a});
    const CallSettings call(planner, candidates, action_low, action_high, temperature);
    FloatArray actions({batch, horizon, a}), visited({batch, steps + 1, size}), values(batch);
    float *actions_to = actions.mutable_data(), *visited_to = visited.mutable_data(), *values_to = values.mutable_data();
    std::vector<const char*> statuses(batch);
    std::vector<std::tuple<std::int64_t, std::int64_t, double>> stats(batch);
    planner.reserve_streams(static_cast<int>(batch));
    {
        py::gil_scoped_release release;
        InputValues row = inputs.values();
        for (py::ssize_t b = 0; b < batch; ++b) {
            const std::int64_t begin = now_ns();
            inputs.select(b, row);
            const Plan& result =
                planner.plan(call.with({.state = states.data() + b * size,
                                        .previous_action = previous_actions.is_none() ? nullptr : previous.data() + b * a,
                                        .inputs = row,
                                        .elapsed = elapsed,
                                        .stream = static_cast<int>(b),
                                        .deadline = options.deadline(begin),
                                        .max_tiles = options.max_tiles(),
                                        .delay = options.delay(),
                                        .committed = options.committed(b)}));
            actions_to = std::copy(result.actions.begin(), result.actions.end(), actions_to);
            if (result.has_states)
                std::copy(result.states.begin(), result.states.end(), visited_to);
            else
                std::fill_n(visited_to, result.states.size(), NAN);
            visited_to += result.states.size();
            values_to[b] = result.value;
            statuses[b] = status_name(result.status);
            stats[b] = {result.tiles, result.model_steps, milliseconds_since(begin)};
        }
    }
    return py::make_tuple(actions, visited, values, statuses, stats, options.delay() * problem.dt);
}

void reset(BoundPlanner& self, const std::optional<std::vector<int>>& rows) {
    const Exclusive exclusive(self.busy);
    if (!rows) return self.planner->reset();
    for (int row : *rows) {
        check(row >= 0, "rows must be >= 0, got ", row);
        if (row < self.planner->streams()) self.planner->reset_stream(row);
    }
}

}  // namespace

void bind_planners(py::module_& module) {
    py::class_<BoundPlanner> planner(module, "Planner", "Any planner of the core, see mbrl_fast.planners.");
    planner
        .def("plan", &plan, py::arg("state"), py::arg("inputs"), py::arg("previous_action"), py::arg("elapsed"),
             py::arg("deadline_ms"), py::arg("max_tiles"), py::arg("delay"), py::arg("committed"), py::arg("candidates"),
             py::arg("action_low"), py::arg("action_high"), py::arg("temperature"), py::arg("trace"), py::arg("stream") = 0)
        .def("plan_batch", &plan_batch, py::arg("states"), py::arg("inputs"), py::arg("previous_actions"), py::arg("elapsed"),
             py::arg("deadline_ms"), py::arg("max_tiles"), py::arg("delay"), py::arg("committed"), py::arg("candidates"),
             py::arg("action_low"), py::arg("action_high"), py::arg("temperature"))
        .def("reset", &reset, py::arg("rows") = py::none())
        .def_property_readonly("steps_per_action", [](const BoundPlanner& self) { return self.planner->steps_per_knot(); });
    bind_memory(planner);
}

}  // namespace mbrl::bindings
