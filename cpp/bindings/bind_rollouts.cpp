// Rollouts from Python: action sequences in, returns out, the interpreter lock released while rolling out.
#include <pybind11/stl.h>

#include <algorithm>

#include "bindings/inputs.hpp"
#include "bindings/rollouts.hpp"
#include "planners/noise.hpp"

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
    int particles;
    Propagation propagation;
    bool return_particles;
    std::uint64_t seed;
    std::uint32_t stream, plan;  // of the particles' noise, with the seed
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

/// Where the answer goes, null for what was not asked for: returns [N], states [N, steps + 1, S], returns of trajectories [N, P].
struct Wanted {
    float *returns, *states, *trajectories;
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
        shape = {count,
                 static_cast<int>(actions.shape(1)),
                 options.steps_per_knot,
                 options.discount,
                 options.objective,
                 options.risk,
                 options.particles,
                 options.propagation};
    }
};

void roll(HeldRollout& held, const Call& call, const InputValues& inputs, const Options& options, const Wanted& wanted) {
    const Problem& problem = held.rollout.problem();
    const std::int64_t s = problem.state_size, padded = held.padded, rows = (call.shape.steps() + 1) * s;
    if (call.each && held.starts.size() == 0) held.starts = AlignedFloats(static_cast<std::size_t>(s * padded));
    const int trajectories = held.rollout.trajectories();
    if (wanted.states && held.states.size() == 0) held.states = AlignedFloats(static_cast<std::size_t>(rows * padded));
    if (wanted.trajectories && held.trajectories.size() == 0)
        held.trajectories = AlignedFloats(static_cast<std::size_t>(trajectories) * padded);
    held.rollout.draw_particles(noise_key(options.seed, options.stream), options.plan);
    held.rollout.start(call.states.data(), call.previous.size() ? call.previous.data() : nullptr, inputs);
    const int filled = round_up(call.count, kLaneGroup);
    if (call.each) {
        Transposed starts{call.states.data(), s, call.count, held.starts.data(), padded};
        Transposed::tile(&starts, 0, filled);
        held.rollout.start_states(held.starts.data(), padded);
    }
    if (wanted.states) std::fill_n(held.states.data(), held.states.size(), 0.0f);
    Transposed actions{call.actions.data(), call.actions.shape(1) * problem.action_size, call.count, held.actions.data(), padded};
    Budget budget;
    budget.keep = options.keep;
    held.rollout.run({held.actions.data(), padded}, call.count, held.returns.data(),
                     {wanted.states ? held.states.data() : nullptr, padded}, budget, {&Transposed::tile, &actions},
                     {wanted.trajectories ? held.trajectories.data() : nullptr, padded});
    std::copy_n(held.returns.data(), call.count, wanted.returns);
    const auto transpose = [&](const AlignedFloats& from, std::int64_t count, float* to) {
        for (int c = 0; to && c < call.count; ++c)
            for (std::int64_t i = 0; i < count; ++i) *to++ = from[i * padded + c];
    };
    transpose(held.states, rows, wanted.states);
    transpose(held.trajectories, trajectories, wanted.trajectories);
}

py::object run(Rollouts& self, py::handle state, py::handle actions, const py::dict& given, py::handle previous_action,
               int steps_per_knot, double discount, int threads, bool return_states, Objective objective, double risk, int keep,
               int particles, Propagation propagation, bool return_particles, std::uint64_t seed, std::uint32_t stream,
               std::uint32_t plan) {
    const Problem& problem = *self.problem();
    const Options options{steps_per_knot, discount,    threads,          return_states, objective, risk, keep,
                          particles,      propagation, return_particles, seed,          stream,    plan};
    const Call call(problem, state, actions, previous_action, options);
    check(steps_per_knot >= 1, "steps_per_knot must be >= 1, got ", steps_per_knot);
    check_objective(objective, risk);
    const int steps = call.shape.steps();
    const BoundInputs inputs(problem, given, steps);
    check(particles >= 0 && particles <= 100000, "particles must be in 0..100000, got ", particles);
    using Shape = std::vector<py::ssize_t>;
    const py::ssize_t n = call.count, s = problem.state_size, trajectories = particles > 0 ? particles : problem.members;
    FloatArray returns(n), visited(return_states ? Shape{n, steps + 1, s} : Shape{0});
    FloatArray each(return_particles ? Shape{n, trajectories} : Shape{0});
    const Wanted wanted{returns.mutable_data(), return_states ? visited.mutable_data() : nullptr,
                        return_particles ? each.mutable_data() : nullptr};
    {
        const py::gil_scoped_release release;
        std::unique_ptr<HeldRollout> held = self.take(call.shape, threads);
        roll(*held, call, inputs.values(), options, wanted);
        self.give_back(std::move(held));
    }
    if (return_states && return_particles) return py::make_tuple(returns, visited, each);
    if (return_states) return py::make_tuple(returns, visited);
    if (return_particles) return py::make_tuple(returns, each);
    return returns;
}

}  // namespace

void bind_rollouts(py::module_& module) {
    py::enum_<Objective>(module, "Objective", "What counts of an ensemble, see mbrl_fast.Problem.rollout.")
        .value("mean", Objective::mean)
        .value("mean_std", Objective::mean_std)
        .value("worst", Objective::worst)
        .value("cvar", Objective::cvar)
        .value("mean_within", Objective::mean_within)
        .value("mean_between", Objective::mean_between)
        .value("entropic", Objective::entropic);
    py::enum_<Propagation>(module, "Propagation", "Which member a particle runs, see mbrl_fast.Problem.rollout.")
        .value("ts_inf", Propagation::ts_inf)
        .value("ts1", Propagation::ts1);
    py::class_<Rollouts>(module, "Rollouts", "Rolls out action sequences on a Problem; keeps what the next call alike needs.")
        .def(py::init([](std::shared_ptr<Problem> problem) { return std::make_unique<Rollouts>(std::move(problem)); }),
             py::arg("problem"))
        .def("run", &run, py::arg("state"), py::arg("actions"), py::arg("inputs"), py::arg("previous_action"),
             py::arg("steps_per_knot"), py::arg("discount"), py::arg("threads"), py::arg("return_states"), py::arg("objective"),
             py::arg("risk"), py::arg("keep"), py::arg("particles"), py::arg("propagation"), py::arg("return_particles"),
             py::arg("seed"), py::arg("stream"), py::arg("plan"));
}

}  // namespace mbrl::bindings
