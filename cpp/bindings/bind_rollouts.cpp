// Rollouts from Python: action sequences in, returns out, the interpreter lock released while rolling out.
#include <pybind11/stl.h>

#include <algorithm>

#include "bindings/inputs.hpp"
#include "bindings/rollouts.hpp"

namespace mbrl::bindings {
namespace {

struct Options {
    int steps_per_knot;
    double discount;
    int threads;
    bool return_states;
    Objective objective;
    double risk;
    int keep;
};

/// [N][elements] of the caller → rows over candidates, a tile at a time on the thread that rolls it out; the last candidate fills
/// the padding.
struct Transposed {
    const float* from;
    std::int64_t elements;
    int count;
    float* rows;
    std::int64_t stride;

    static void tile(void* context, int first, int width) {
        const Transposed& t = *static_cast<Transposed*>(context);
        for (int n = first; n < first + width; ++n) {
            const float* candidate = t.from + std::min(n, t.count - 1) * t.elements;
            for (std::int64_t e = 0; e < t.elements; ++e) t.rows[e * t.stride + n] = candidate[e];
        }
    }
};

/// The arrays of one call, checked.
struct Call {
    FloatArray actions, states, previous;
    bool each;  // a start for every candidate
    int count;
    RolloutShape shape;

    Call(const Problem& problem, py::handle state, py::handle action_values, py::handle previous_action, const Options& options) {
        const py::ssize_t s = problem.state_size, a = problem.action_size;
        actions = floats(action_values, {-1, -1, a}, "actions");
        check(actions.shape(0) >= 1 && actions.shape(1) >= 1, "actions must hold at least one candidate and one step, got shape ",
              shape_text(shape_of(actions)));
        check(options.threads >= 1 && options.threads <= 1024, "threads must be in 1..1024, got ", options.threads);
        check(options.discount > 0 && options.discount <= 1, "discount must be in (0, 1], got ", options.discount);
        check(options.keep >= 0, "keep must be >= 0, got ", options.keep);
        count = static_cast<int>(actions.shape(0));
        states = to_floats(state, "state");
        each = states.ndim() == 2;
        check_shape(states, each ? std::vector<py::ssize_t>{count, s} : std::vector<py::ssize_t>{s}, "state");
        check_finite(states, "state");
        if (!previous_action.is_none()) previous = floats(previous_action, {a}, "previous_action");
        shape = {count,       static_cast<int>(actions.shape(1)), options.steps_per_knot, options.discount, options.objective,
                 options.risk};
    }
};

void roll(HeldRollout& held, const Call& call, const InputValues& inputs, const Options& options, float* returns, float* visited) {
    const Problem& problem = held.rollout.problem();
    const std::int64_t s = problem.state_size, padded = held.padded, rows = (call.shape.steps() + 1) * s;
    if (call.each && held.starts.size() == 0) held.starts = AlignedFloats(static_cast<std::size_t>(s * padded));
    if (visited && held.states.size() == 0) held.states = AlignedFloats(static_cast<std::size_t>(rows * padded));
    held.rollout.start(call.states.data(), call.previous.size() ? call.previous.data() : nullptr, inputs);
    const int filled = round_up(call.count, kLaneGroup);
    if (call.each) {
        Transposed starts{call.states.data(), s, call.count, held.starts.data(), padded};
        Transposed::tile(&starts, 0, filled);
        held.rollout.start_states(held.starts.data(), padded);
    }
    if (visited) std::fill_n(held.states.data(), held.states.size(), 0.0f);
    Transposed actions{call.actions.data(), call.actions.shape(1) * problem.action_size, call.count, held.actions.data(), padded};
    Budget budget;
    budget.keep = options.keep;
    held.rollout.run({held.actions.data(), padded}, call.count, held.returns.data(),
                     {visited ? held.states.data() : nullptr, padded}, budget, {&Transposed::tile, &actions});
    std::copy_n(held.returns.data(), call.count, returns);
    for (int c = 0; visited && c < call.count; ++c)
        for (std::int64_t i = 0; i < rows; ++i) visited[c * rows + i] = held.states[i * padded + c];
}

py::object run(Rollouts& self, py::handle state, py::handle actions, const py::dict& given, py::handle previous_action,
               int steps_per_knot, double discount, int threads, bool return_states, Objective objective, double risk, int keep) {
    const Problem& problem = *self.problem();
    const Options options{steps_per_knot, discount, threads, return_states, objective, risk, keep};
    const Call call(problem, state, actions, previous_action, options);
    check(steps_per_knot >= 1, "steps_per_knot must be >= 1, got ", steps_per_knot);
    check_objective(objective, risk);
    const int steps = call.shape.steps();
    const BoundInputs inputs(problem, given, steps);
    const py::ssize_t n = call.count, s = problem.state_size;
    FloatArray returns(n), visited(return_states ? std::vector<py::ssize_t>{n, steps + 1, s} : std::vector<py::ssize_t>{0});
    float *returns_to = returns.mutable_data(), *visited_to = return_states ? visited.mutable_data() : nullptr;
    {
        const py::gil_scoped_release release;
        std::unique_ptr<HeldRollout> held = self.take(call.shape, threads);
        roll(*held, call, inputs.values(), options, returns_to, visited_to);
        self.give_back(std::move(held));
    }
    if (return_states) return py::make_tuple(returns, visited);
    return returns;
}

}  // namespace

void bind_rollouts(py::module_& module) {
    py::enum_<Objective>(module, "Objective", "What counts of an ensemble, see mbrl_fast.Problem.rollout.")
        .value("mean", Objective::mean)
        .value("mean_std", Objective::mean_std)
        .value("worst", Objective::worst)
        .value("cvar", Objective::cvar);
    py::class_<Rollouts>(module, "Rollouts", "Rolls out action sequences on a Problem; keeps what the next call alike needs.")
        .def(py::init([](std::shared_ptr<Problem> problem) { return std::make_unique<Rollouts>(std::move(problem)); }),
             py::arg("problem"))
        .def("run", &run, py::arg("state"), py::arg("actions"), py::arg("inputs"), py::arg("previous_action"),
             py::arg("steps_per_knot"), py::arg("discount"), py::arg("threads"), py::arg("return_states"), py::arg("objective"),
             py::arg("risk"), py::arg("keep"));
}

}  // namespace mbrl::bindings
