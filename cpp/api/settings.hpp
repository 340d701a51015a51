// CEM's settings by name, for languages without its struct.
#pragma once

#include <cmath>
#include <string_view>

#include "core/check.hpp"
#include "planners/cem.hpp"

namespace mbrl {

/// Throws Error for an unknown name or a value that the setting cannot hold; the ranges are CEMSettings::validate's.
inline void set_by_name(CEMSettings& s, std::string_view name, double value) {
    const auto whole = [&](std::int64_t least, std::int64_t most) {
        check(value == std::floor(value) && value >= static_cast<double>(least) && value <= static_cast<double>(most), name,
              " must be a whole number in ", least, "..", most, ", got ", value);
    };
    struct Whole {
        std::string_view name;
        int* to;
    };
    struct Real {
        std::string_view name;
        double* to;
    };
    struct Flag {
        std::string_view name;
        bool* to;
    };
    for (const auto& [known, to] :
         {Whole{"horizon", &s.horizon}, Whole{"steps_per_knot", &s.steps_per_knot}, Whole{"population", &s.population},
          Whole{"elites", &s.elites}, Whole{"iterations", &s.iterations}, Whole{"keep_elites", &s.keep_elites},
          Whole{"particles", &s.particles}, Whole{"threads", &s.threads}})
        if (known == name) return whole(0, 2147483647), void(*to = static_cast<int>(value));
    for (const auto& [known, to] :
         {Real{"init_std", &s.init_std}, Real{"min_std", &s.min_std}, Real{"momentum", &s.momentum}, Real{"discount", &s.discount},
          Real{"fresh_fraction", &s.fresh_fraction}, Real{"noise_beta", &s.noise_beta}, Real{"knot_growth", &s.knot_growth},
          Real{"kernel_width", &s.kernel_width}, Real{"action_rate_penalty", &s.action_rate_penalty}, Real{"risk", &s.risk}})
        if (known == name) return void(*to = value);
    for (const auto& [known, to] : {Flag{"include_mean", &s.include_mean}, Flag{"returns_best", &s.returns_best},
                                    Flag{"warm_start", &s.warm_start}, Flag{"policy_candidates", &s.policy_candidates}})
        if (known == name) return whole(0, 1), void(*to = value != 0);
    // words, numbered in the order of the enumeration
    if (name == "interpolation") return whole(0, 3), void(s.interpolation = static_cast<Interpolation>(static_cast<int>(value)));
    if (name == "objective") return whole(0, 6), void(s.objective = static_cast<Objective>(static_cast<int>(value)));
    if (name == "propagation") return whole(0, 1), void(s.propagation = static_cast<Propagation>(static_cast<int>(value)));
    check(name == "seed", "unknown setting '", name.substr(0, 40), "'");
    whole(0, 9007199254740991);
    s.seed = static_cast<std::uint64_t>(value);
}

}  // namespace mbrl
