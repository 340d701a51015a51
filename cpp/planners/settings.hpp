// What planners are told once: the settings that all of them share, and those of the ones that sample.
#pragma once

#include <cstdint>
#include <vector>

#include "problem/rollout.hpp"

namespace mbrl {

struct PlannerSettings {
    int horizon = 5;                        // knots
    int steps_per_knot = 5;                 // model steps an action is held
    double discount = 1;                    // per model step
    bool warm_start = false;                // start from the last plan, shifted by the elapsed time
    std::vector<double> max_rate;           // of actions, per second: one number or one for each; empty: no limit
    Objective objective = Objective::mean;  // over the trajectories of a candidate
    double risk = 0;                        // of the objective
    int particles = 0;                      // trajectories of a candidate, 0: one for each member, at its mean
    Propagation propagation = Propagation::ts_inf;
    std::uint64_t seed = 0;
    int threads = 1;

    void validate() const;  // throws Error
    RolloutShape rollouts(int population) const {
        return {population, horizon, steps_per_knot, discount, objective, risk, particles, propagation};
    }
};

/// How knots become one action for each model step, see knots.hpp.
enum class Interpolation { hold, linear, cubic, rbf };

struct SamplingSettings : PlannerSettings {
    int population = 100;       // candidates per iteration
    int iterations = 5;         // refits per plan
    double init_std = 1;        // of the sampling Gaussian, in units of half the action range
    double noise_beta = 0;      // power spectrum 1/f^beta along the horizon, 0 = white
    double fresh_fraction = 0;  // share of candidates drawn from the initial distribution in every iteration
    int keep_elites = 0;        // the best that stay candidates, in the next iteration and, shifted, in the next plan
    bool include_mean = false;  // candidate 0 is the mean
    bool returns_best = false;  // the best candidate of all iterations, else the last mean
    Interpolation interpolation = Interpolation::hold;
    double knot_growth = 1;          // each knot lasts so many times as long as the one before
    double kernel_width = 1;         // of rbf, the standard deviation in knots
    double action_rate_penalty = 0;  // on the squared change of actions in half their range, summed over model steps
    bool policy_candidates = false;  // whether the Problem's policy proposes one candidate for each member
    bool prune = true;               // whether candidates that cannot matter stop early: same plans, fewer model steps

    void validate() const;
};

}  // namespace mbrl
