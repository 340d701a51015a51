// Settings of the planners, and what makes a planner of them: one block a planner.
#include "bindings/planners.hpp"
#include "planners/cem.hpp"

namespace mbrl::bindings {

void bind_settings(py::module_& module) {
    py::class_<PlannerSettings>(module, "PlannerSettings", "What all planners are told, see mbrl_fast.planners.")
        .def_readwrite("horizon", &PlannerSettings::horizon)
        .def_readwrite("steps_per_knot", &PlannerSettings::steps_per_knot)
        .def_readwrite("discount", &PlannerSettings::discount)
        .def_readwrite("warm_start", &PlannerSettings::warm_start)
        .def_readwrite("max_rate", &PlannerSettings::max_rate)
        .def_readwrite("objective", &PlannerSettings::objective)
        .def_readwrite("risk", &PlannerSettings::risk)
        .def_readwrite("seed", &PlannerSettings::seed)
        .def_readwrite("threads", &PlannerSettings::threads);
    py::class_<SamplingSettings, PlannerSettings>(module, "SamplingSettings", "What planners that sample are told.")
        .def_readwrite("population", &SamplingSettings::population)
        .def_readwrite("iterations", &SamplingSettings::iterations)
        .def_readwrite("init_std", &SamplingSettings::init_std)
        .def_readwrite("noise_beta", &SamplingSettings::noise_beta)
        .def_readwrite("fresh_fraction", &SamplingSettings::fresh_fraction)
        .def_readwrite("keep_elites", &SamplingSettings::keep_elites)
        .def_readwrite("include_mean", &SamplingSettings::include_mean)
        .def_readwrite("returns_best", &SamplingSettings::returns_best)
        .def_readwrite("prune", &SamplingSettings::prune);

    py::class_<CEMSettings, SamplingSettings>(module, "CEMSettings", "The cross-entropy method's.")
        .def(py::init<>())
        .def_readwrite("elites", &CEMSettings::elites)
        .def_readwrite("min_std", &CEMSettings::min_std)
        .def_readwrite("momentum", &CEMSettings::momentum)
        .def_readwrite("momentum_on_variance", &CEMSettings::momentum_on_variance)
        .def_readwrite("truncate", &CEMSettings::truncate)
        .def_readwrite("full_covariance", &CEMSettings::full_covariance)
        .def_readwrite("shrinkage", &CEMSettings::shrinkage)
        .def_readwrite("choices", &CEMSettings::choices)
        .def_readwrite("min_probability", &CEMSettings::min_probability)
        .def("validate", &CEMSettings::validate);
    bind_maker<CEM, CEMSettings>(module, "cem");
}

}  // namespace mbrl::bindings
