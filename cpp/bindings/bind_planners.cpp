// Planners: arrays in, arrays out, the interpreter lock released while planning.
#include <pybind11/stl.h>

#include <atomic>

#include "bindings/inputs.hpp"
#include "planners/cem.hpp"
#include "planners/noise.hpp"

namespace mbrl::bindings {
namespace {

/// One plan at a time: a planner's buffers are its own. A second thread is told so instead of corrupting them.
class Exclusive {
 public:
    explicit Exclusive(std::atomic<bool>& busy) : busy_(busy) {
        check(!busy_.exchange(true), "this planner is planning in another thread: use one planner per thread");
    }
    ~Exclusive() { busy_ = false; }

 private:
    std::atomic<bool>& busy_;
};

struct BoundCEM {
    CEM planner;
    std::atomic<bool> busy{false};
    BoundCEM(std::shared_ptr<Problem> problem, const CEMSettings& settings) : planner(std::move(problem), settings) {}
};

const char* status_name(PlanStatus status) {
    switch (status) {
        case PlanStatus::ok: return "ok";
        case PlanStatus::deadline: return "deadline";
        case PlanStatus::no_finite_candidate: return "no_finite_candidate";
        case PlanStatus::shifted: return "shifted";
        case PlanStatus::safe: return "safe";
    }
    return "unknown";
}

std::vector<float> previous_or_zero(py::handle value, const std::vector<py::ssize_t>& shape, py::ssize_t size) {
    std::vector<float> previous(size, 0.0f);
    if (value.is_none()) return previous;
    const FloatArray array = floats(value, shape, "previous_action");
    std::copy_n(array.data(), size, previous.begin());
    return previous;
}

void check_elapsed(double elapsed) {
    check(std::isfinite(elapsed) && elapsed >= 0, "elapsed must be >= 0 model steps and finite, got ", elapsed);
}

py::tuple plan(BoundCEM& self, py::handle state_values, const py::dict& given, py::handle previous_action, double elapsed) {
    const Exclusive exclusive(self.busy);
    CEM& planner = self.planner;
    const Problem& problem = planner.problem();
    const CEMSettings& s = planner.settings();
    const py::ssize_t size = problem.state_size, a = problem.action_size, steps = s.horizon * s.steps_per_knot;
    check_elapsed(elapsed);
    const FloatArray state = floats(state_values, {size}, "state");
    const BoundInputs inputs(problem, given, static_cast<int>(steps));
    const auto previous = previous_or_zero(previous_action, {a}, a);
    const Plan* result = nullptr;
    {
        py::gil_scoped_release release;
        result = &planner.plan({state.data(), previous.data(), inputs.values(), elapsed});
    }
    return py::make_tuple(copy_out(result->actions.data(), {s.horizon, a}), copy_out(result->states.data(), {steps + 1, size}),
                          result->value, status_name(result->status), result->model_steps);
}

py::tuple plan_batch(BoundCEM& self, py::handle state_values, const py::dict& given, py::handle previous_actions, double elapsed) {
    const Exclusive exclusive(self.busy);
    CEM& planner = self.planner;
    const Problem& problem = planner.problem();
    const CEMSettings& s = planner.settings();
    const py::ssize_t size = problem.state_size, a = problem.action_size, steps = s.horizon * s.steps_per_knot;
    check_elapsed(elapsed);
    const FloatArray states = floats(state_values, {-1, size}, "states");
    const py::ssize_t batch = states.shape(0);
    const BoundInputs inputs(problem, given, static_cast<int>(steps), batch);
    const auto previous = previous_or_zero(previous_actions, {batch, a}, batch * a);
    FloatArray actions({batch, static_cast<py::ssize_t>(s.horizon), a}), visited({batch, steps + 1, size}), values(batch);
    float *actions_to = actions.mutable_data(), *visited_to = visited.mutable_data(), *values_to = values.mutable_data();
    std::vector<const char*> statuses(batch);
    long long model_steps = 0;
    planner.reserve_streams(static_cast<int>(batch));
    {
        py::gil_scoped_release release;
        InputValues row = inputs.values();
        for (py::ssize_t b = 0; b < batch; ++b) {
            inputs.select(b, row);
            const Plan& result = planner.plan({states.data() + b * size, previous.data() + b * a, row, elapsed, static_cast<int>(b)});
            actions_to = std::copy(result.actions.begin(), result.actions.end(), actions_to);
            visited_to = std::copy(result.states.begin(), result.states.end(), visited_to);
            values_to[b] = result.value;
            statuses[b] = status_name(result.status);
            model_steps += result.model_steps;
        }
    }
    return py::make_tuple(actions, visited, values, statuses, model_steps);
}

void reset(BoundCEM& self, const std::optional<std::vector<int>>& rows) {
    const Exclusive exclusive(self.busy);
    if (!rows) return self.planner.reset();
    for (int row : *rows) {
        check(row >= 0, "rows must be >= 0, got ", row);
        if (row < self.planner.streams()) self.planner.reset_stream(row);
    }
}

py::list memory(BoundCEM& self) {
    const Exclusive exclusive(self.busy);
    py::list streams;
    for (int stream = 0; stream < self.planner.streams(); ++stream) {
        const auto& m = self.planner.memory(stream);
        streams.append(py::make_tuple(m.plans, m.mean, m.answer, m.kept, m.kept_count));
    }
    return streams;
}

void set_memory(BoundCEM& self,
                const std::vector<std::tuple<std::uint32_t, std::vector<float>, std::vector<float>, std::vector<float>, int>>& streams) {
    const Exclusive exclusive(self.busy);
    int stream = 0;
    for (const auto& [plans, mean, answer, kept, kept_count] : streams)
        self.planner.set_memory(stream++, {plans, mean, answer, kept, kept_count});
}

FloatArray noise(std::uint64_t seed, std::uint32_t stream, std::uint32_t plan, std::uint32_t iteration, int population,
                 int elements) {
    check(population >= 1 && elements >= 1, "population and elements must be >= 1, got ", population, " and ", elements);
    const int padded = round_up(population, kLaneGroup);
    AlignedFloats rows(static_cast<std::size_t>(round_up(elements, 4)) * padded);
    draw_normals(noise_key(seed, stream), plan, iteration, elements, 0, padded, rows.data(), padded);
    FloatArray normals({population, elements});
    for (int n = 0; n < population; ++n)
        for (int e = 0; e < elements; ++e) normals.mutable_at(n, e) = rows[static_cast<std::size_t>(e) * padded + n];
    return normals;
}

}  // namespace

void bind_planners(py::module_& module) {
    py::class_<CEMSettings>(module, "CEMSettings", "Settings of the cross-entropy method, see mbrl_fast.planners.")
        .def(py::init<>())
        .def_readwrite("horizon", &CEMSettings::horizon)
        .def_readwrite("steps_per_knot", &CEMSettings::steps_per_knot)
        .def_readwrite("population", &CEMSettings::population)
        .def_readwrite("elites", &CEMSettings::elites)
        .def_readwrite("iterations", &CEMSettings::iterations)
        .def_readwrite("init_std", &CEMSettings::init_std)
        .def_readwrite("min_std", &CEMSettings::min_std)
        .def_readwrite("momentum", &CEMSettings::momentum)
        .def_readwrite("discount", &CEMSettings::discount)
        .def_readwrite("keep_elites", &CEMSettings::keep_elites)
        .def_readwrite("include_mean", &CEMSettings::include_mean)
        .def_readwrite("returns_best", &CEMSettings::returns_best)
        .def_readwrite("warm_start", &CEMSettings::warm_start)
        .def_readwrite("fresh_fraction", &CEMSettings::fresh_fraction)
        .def_readwrite("prune", &CEMSettings::prune)
        .def_readwrite("noise_beta", &CEMSettings::noise_beta)
        .def_readwrite("seed", &CEMSettings::seed)
        .def_readwrite("threads", &CEMSettings::threads)
        .def("validate", &CEMSettings::validate);
    py::class_<BoundCEM>(module, "CEM", "The cross-entropy method, see mbrl_fast.CEM.")
        .def(py::init<std::shared_ptr<Problem>, const CEMSettings&>(), py::arg("problem"), py::arg("settings"))
        .def("plan", &plan, py::arg("state"), py::arg("inputs"), py::arg("previous_action"), py::arg("elapsed"))
        .def("plan_batch", &plan_batch, py::arg("states"), py::arg("inputs"), py::arg("previous_actions"), py::arg("elapsed"))
        .def("reset", &reset, py::arg("rows") = py::none())
        .def("memory", &memory)
        .def("set_memory", &set_memory, py::arg("streams"));
    module.def("noise", &noise, py::arg("seed"), py::arg("stream"), py::arg("plan"), py::arg("iteration"), py::arg("population"),
               py::arg("elements"), "The standard normals that a planner draws, [population, elements].");
}

}  // namespace mbrl::bindings
