// Settings of the planners, and what makes a planner of them: one block a planner.
#include "bindings/planners.hpp"
#include "planners/cem.hpp"
#include "planners/icem.hpp"
#include "planners/mppi.hpp"
#include "planners/predictive_sampling.hpp"
#include "planners/random_shooting.hpp"

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

    py::class_<ICEMSettings, CEMSettings>(module, "ICEMSettings", "iCEM's.")
        .def(py::init<>())
        .def_readwrite("decay", &ICEMSettings::decay)
        .def("validate", &ICEMSettings::validate);
    bind_maker<ICEM, ICEMSettings>(module, "icem");

    py::class_<MPPISettings, SamplingSettings>(module, "MPPISettings", "Model predictive path integral control's.")
        .def(py::init<>())
        .def_readwrite("temperature", &MPPISettings::temperature)
        .def_readwrite("normalise", &MPPISettings::normalise)
        .def_readwrite("control_cost", &MPPISettings::control_cost)
        .def_readwrite("elites", &MPPISettings::elites)
        .def_readwrite("refit_std", &MPPISettings::refit_std)
        .def_readwrite("min_std", &MPPISettings::min_std)
        .def_readwrite("smooth", &MPPISettings::smooth)
        .def_readwrite("smoothness", &MPPISettings::smoothness)
        .def("validate", &MPPISettings::validate);
    bind_maker<MPPI, MPPISettings>(module, "mppi");

    py::class_<RandomShootingSettings, SamplingSettings>(module, "RandomShootingSettings", "Random shooting's.")
        .def(py::init<>())
        .def_readwrite("uniform", &RandomShootingSettings::uniform)
        .def("validate", &RandomShootingSettings::validate);
    bind_maker<RandomShooting, RandomShootingSettings>(module, "random_shooting");

    py::class_<PredictiveSamplingSettings, SamplingSettings>(module, "PredictiveSamplingSettings", "Predictive sampling's.")
        .def(py::init<>())
        .def("validate", &PredictiveSamplingSettings::validate);
    bind_maker<PredictiveSampling, PredictiveSamplingSettings>(module, "predictive_sampling");
}

}  // namespace mbrl::bindings
