// Settings of the planners, and what makes a planner of them: one block a planner.
#include "bindings/planners.hpp"
#include "planners/cem.hpp"
#include "planners/gradient_shooting.hpp"
#include "planners/ilqr.hpp"

namespace mbrl::bindings {

void bind_settings(py::module_& module) {
    py::class_<PlannerSettings>(module, "PlannerSettings", "What all planners are told, see mbrl_fast.planners.")
        .def_readwrite("horizon", &PlannerSettings::horizon)
        .def_readwrite("steps_per_knot", &PlannerSettings::steps_per_knot)
        .def_readwrite("discount", &PlannerSettings::discount)
        .def_readwrite("warm_start", &PlannerSettings::warm_start)
        .def_readwrite("max_rate", &PlannerSettings::max_rate)
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
        .def("validate", &CEMSettings::validate);
    bind_maker<CEM, CEMSettings>(module, "cem");

    py::class_<ILQRSettings, PlannerSettings>(module, "ILQRSettings", "iLQR's.")
        .def(py::init<>())
        .def_readwrite("iterations", &ILQRSettings::iterations)
        .def_readwrite("step_sizes", &ILQRSettings::step_sizes)
        .def_readwrite("regularisation", &ILQRSettings::regularisation)
        .def_readwrite("tolerance", &ILQRSettings::tolerance)
        .def_readwrite("smoothing", &ILQRSettings::smoothing)
        .def_readwrite("feedback", &ILQRSettings::feedback)
        .def("validate", &ILQRSettings::validate);
    bind_maker<ILQR, ILQRSettings>(module, "ilqr");

    py::class_<GradientShootingSettings, PlannerSettings>(module, "GradientShootingSettings", "Gradient shooting's.")
        .def(py::init<>())
        .def_readwrite("population", &GradientShootingSettings::population)
        .def_readwrite("iterations", &GradientShootingSettings::iterations)
        .def_readwrite("step_size", &GradientShootingSettings::step_size)
        .def_readwrite("momentum", &GradientShootingSettings::momentum)
        .def_readwrite("second_momentum", &GradientShootingSettings::second_momentum)
        .def_readwrite("init_std", &GradientShootingSettings::init_std)
        .def_readwrite("noise_beta", &GradientShootingSettings::noise_beta)
        .def("validate", &GradientShootingSettings::validate);
    bind_maker<GradientShooting, GradientShootingSettings>(module, "gradient_shooting");
}

}  // namespace mbrl::bindings
