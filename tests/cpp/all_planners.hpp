// One planner of every kind, for tests that every planner has to pass. A new kind is one line here.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "planners/gradient_shooting.hpp"
#include "planners/icem.hpp"
#include "planners/ilqr.hpp"
#include "planners/mppi.hpp"
#include "planners/predictive_sampling.hpp"
#include "planners/random_shooting.hpp"

namespace test {

struct Kind {
    std::string name;
    /// With few candidates; `rich` with every feature at once, particles where the problem has noise.
    std::function<std::unique_ptr<mbrl::Planner>(std::shared_ptr<const mbrl::Problem>, bool rich, int threads)> make;
};

template <class Planner, class Settings>
Kind kind(const char* name, void (*enrich)(Settings&) = [](Settings&) {}) {
    return {name, [enrich](std::shared_ptr<const mbrl::Problem> problem, bool rich, int threads) {
                Settings s;
                s.horizon = 4;
                s.steps_per_knot = 2;
                if constexpr (requires { s.population; }) s.population = 61;
                s.threads = threads;
                s.seed = 7;
                s.warm_start = true;
                if constexpr (requires { s.elites; } && !requires { s.temperature; }) s.elites = 9;
                if (rich) {
                    if (problem->program("step").find_argument("noise")) s.particles = 2 * problem->members;
                    s.iterations = 3;
                    s.discount = 0.95;
                    if constexpr (requires { s.keep_elites; }) {
                        s.keep_elites = 3;
                        s.include_mean = true;
                        s.fresh_fraction = 0.25;
                    }
                    if constexpr (requires { s.noise_beta; }) s.noise_beta = 1.5;
                    enrich(s);
                }
                return std::make_unique<Planner>(std::move(problem), s);
            }};
}

inline const std::vector<Kind>& all_planners() {
    using namespace mbrl;
    static const std::vector<Kind> kinds = {
        kind<CEM, CEMSettings>("cem", [](CEMSettings& s) { s.momentum = 0.1, s.min_std = 0.05, s.returns_best = true; }),
        kind<ICEM, ICEMSettings>("icem", [](ICEMSettings& s) { s.decay = 1.5; }),
        kind<MPPI, MPPISettings>("mppi", [](MPPISettings& s) { s.normalise = s.refit_std = true, s.min_std = 0.1; }),
        kind<MPPI, MPPISettings>("mppi of elites", [](MPPISettings& s) { s.elites = 9, s.returns_best = true; }),
        kind<MPPI, MPPISettings>("smooth mppi",
                                 [](MPPISettings& s) {
                                     s.noise_beta = 0;
                                     s.smooth = true;
                                     s.smoothness = s.control_cost = s.init_std = 0.5;
                                 }),
        kind<RandomShooting, RandomShootingSettings>("random shooting"),
        kind<PredictiveSampling, PredictiveSamplingSettings>("predictive sampling"),
        kind<GradientShooting, GradientShootingSettings>("gradient shooting"),
        kind<ILQR, ILQRSettings>("ilqr"),
    };
    return kinds;
}

}  // namespace test
