// What counts of an ensemble: from the returns of its members over a whole trajectory to one number.
#pragma once

#include <cstdint>

namespace mbrl {

enum class Objective : std::uint8_t {
    mean,      // over the members
    mean_std,  // mean + risk · std, the members as the population; a negative risk is cautious
    worst,     // the least
    cvar,      // the mean of the worst share `risk` of the members, the last of them counted in part (Rockafellar & Uryasev 2002)
};

/// Throws Error: risk is finite, of cvar in (0, 1], and 0 where it means nothing.
void check_objective(Objective objective, double risk);

/// Whether no candidate's objective exceeds the mean over its members.
bool at_most_mean(Objective objective, double risk);

/// The objective of finite returns [members], which it may put in another order.
float combine(Objective objective, double risk, float* returns, int members);

}  // namespace mbrl
