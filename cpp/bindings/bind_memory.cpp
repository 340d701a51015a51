// What a planner remembers between plans, for pickling, and what its last plan depended on, for snapshots: copies.
#include <pybind11/stl.h>

#include <cmath>
#include <tuple>

#include "bindings/inputs.hpp"
#include "bindings/planners.hpp"

namespace mbrl::bindings {
namespace {

py::tuple memory_tuple(const Memory& m, int action_size) {
    const auto rows = m.committed.begin() + committed_rows(m.delay) * action_size;
    return py::make_tuple(m.plans, m.mean, m.answer, m.kept, m.kept_count, std::vector<float>(m.committed.begin(), rows), m.delay,
                          m.extra);
}

py::list memory(BoundPlanner& self) {
    const Exclusive exclusive(self.busy);
    py::list streams;
    for (int stream = 0; stream < self.planner->streams(); ++stream)
        streams.append(memory_tuple(self.planner->memory(stream), self.planner->problem().action_size));
    return streams;
}

using Numbers = std::vector<float>;
using MemoryTuple = std::tuple<std::uint32_t, Numbers, Numbers, Numbers, int, Numbers, double, Numbers>;

void set_memory(BoundPlanner& self, const std::vector<MemoryTuple>& streams, int first) {
    const Exclusive exclusive(self.busy);
    check(first >= 0, "first must be >= 0, got ", first);
    for (const auto& [plans, mean, answer, kept, kept_count, committed, delay, extra] : streams)
        self.planner->set_memory(first++, {plans, mean, answer, kept, kept_count, committed, delay, extra});
}

py::object decision(BoundPlanner& self) {
    const Exclusive exclusive(self.busy);
    const Decision& d = self.planner->decision();
    if (!d.made) return py::none();
    const Problem& problem = self.planner->problem();
    const py::ssize_t horizon = self.planner->horizon(), steps = horizon * self.planner->steps_per_knot();
    const py::ssize_t a = problem.action_size;
    py::dict inputs;
    for (std::size_t i = 0; i < d.inputs.size(); ++i)
        inputs[problem.inputs[i].name.c_str()] = copy_out(d.inputs[i].data(), input_shape(problem.inputs[i], steps));
    py::dict result;
    result["stream"] = d.stream;
    result["elapsed"] = d.elapsed;
    result["delay"] = d.delay * problem.dt;
    result["weights"] = d.weights;
    result["state"] = copy_out(d.state.data(), {problem.state_size});
    result["previous_action"] = d.has_previous_action ? py::object(copy_out(d.previous_action.data(), {a})) : py::none();
    result["committed"] = copy_out(d.committed.data(), {committed_rows(d.delay), a});
    result["inputs"] = inputs;
    const auto given = [&](bool has, const std::vector<float>& bound) {
        return has ? py::object(copy_out(bound.data(), {a})) : py::none();
    };
    result["action_low"] = given(d.has_action_low, d.action_low);
    result["action_high"] = given(d.has_action_high, d.action_high);
    result["temperature"] = std::isnan(d.temperature) ? py::object(py::none()) : py::float_(d.temperature);
    result["candidates"] =
        copy_out(d.candidates.data(), {static_cast<py::ssize_t>(d.candidates.size()) / (horizon * a), horizon, a});
    const Plan& plan = self.planner->last_plan();
    result["actions"] = copy_out(plan.actions.data(), {horizon, a});
    result["states"] = copy_out(plan.states.data(), {plan.has_states ? steps + 1 : 0, problem.state_size});
    result["value"] = plan.value;
    result["status"] = status_name(plan.status);
    result["tiles"] = plan.tiles;
    result["model_steps"] = plan.model_steps;
    result["memory"] = memory_tuple(d.before, problem.action_size);
    return result;
}

}  // namespace

void bind_memory(py::class_<BoundPlanner>& planner) {
    planner.def("memory", &memory)
        .def("set_memory", &set_memory, py::arg("streams"), py::arg("first") = 0)
        .def("decision", &decision);
}

}  // namespace mbrl::bindings
