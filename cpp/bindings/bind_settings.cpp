// Settings of the planners, and what makes a planner of them: one function a planner.
#include "bindings/planners.hpp"
#include "core/check.hpp"
#include "planners/cem.hpp"
#include "planners/gradient_shooting.hpp"
#include "planners/ilqr.hpp"
#include "planners/icem.hpp"
#include "planners/mppi.hpp"
#include "planners/predictive_sampling.hpp"
#include "planners/random_shooting.hpp"

namespace mbrl::bindings {
namespace {

constexpr const char* kInterpolations[] = {"hold", "linear", "cubic", "rbf"};  // in the order of the enumeration

void set_interpolation(SamplingSettings& settings, const std::string& name) {
    for (int i = 0; i < 4; ++i)
        if (name == kInterpolations[i]) return void(settings.interpolation = static_cast<Interpolation>(i));
    fail("interpolation must be 'hold', 'linear', 'cubic' or 'rbf', got '", name.substr(0, 40), "'");
}

void bind_shared(py::module_& module) {
    py::class_<PlannerSettings>(module, "PlannerSettings", "What all planners are told, see mbrl_fast.planners.")
        .def_readwrite("horizon", &PlannerSettings::horizon)
        .def_readwrite("steps_per_knot", &PlannerSettings::steps_per_knot)
        .def_readwrite("discount", &PlannerSettings::discount)
        .def_readwrite("warm_start", &PlannerSettings::warm_start)
        .def_readwrite("max_rate", &PlannerSettings::max_rate)
        .def_readwrite("objective", &PlannerSettings::objective)
        .def_readwrite("risk", &PlannerSettings::risk)
        .def_readwrite("particles", &PlannerSettings::particles)
        .def_readwrite("propagation", &PlannerSettings::propagation)
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
        .def_readwrite("prune", &SamplingSettings::prune)
        .def_property(
            "interpolation", [](const SamplingSettings& s) { return kInterpolations[static_cast<int>(s.interpolation)]; },
            &set_interpolation)
        .def_readwrite("knot_growth", &SamplingSettings::knot_growth)
        .def_readwrite("kernel_width", &SamplingSettings::kernel_width)
        .def_readwrite("action_rate_penalty", &SamplingSettings::action_rate_penalty)
        .def_readwrite("policy_candidates", &SamplingSettings::policy_candidates);
}

void bind_cem(py::module_& module) {
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

void bind_ilqr(py::module_& module) {
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
}

void bind_gradient_shooting(py::module_& module) {
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

void bind_icem(py::module_& module) {
    py::class_<ICEMSettings, CEMSettings>(module, "ICEMSettings", "iCEM's.")
        .def(py::init<>())
        .def_readwrite("decay", &ICEMSettings::decay)
        .def("validate", &ICEMSettings::validate);
    bind_maker<ICEM, ICEMSettings>(module, "icem");
}

void bind_mppi(py::module_& module) {
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
}

void bind_random_shooting(py::module_& module) {
    py::class_<RandomShootingSettings, SamplingSettings>(module, "RandomShootingSettings", "Random shooting's.")
        .def(py::init<>())
        .def_readwrite("uniform", &RandomShootingSettings::uniform)
        .def("validate", &RandomShootingSettings::validate);
    bind_maker<RandomShooting, RandomShootingSettings>(module, "random_shooting");
}

void bind_predictive_sampling(py::module_& module) {
    py::class_<PredictiveSamplingSettings, SamplingSettings>(module, "PredictiveSamplingSettings", "Predictive sampling's.")
        .def(py::init<>())
        .def("validate", &PredictiveSamplingSettings::validate);
    bind_maker<PredictiveSampling, PredictiveSamplingSettings>(module, "predictive_sampling");
}

}  // namespace

void bind_settings(py::module_& module) {
    bind_shared(module);  // before what inherits from them
    bind_cem(module);
    bind_ilqr(module);
    bind_gradient_shooting(module);
    bind_icem(module);
    bind_mppi(module);
    bind_random_shooting(module);
    bind_predictive_sampling(module);
}

}  // namespace mbrl::bindings
