// What counts of a candidate: from its returns over several whole trajectories, of members or particles, to one number.
#pragma once

#include <cstdint>

namespace mbrl {

enum class Objective : std::uint8_t {
    mean,
    mean_std,      // mean + risk · std, the trajectories as the population; a negative risk is cautious
    worst,         // the least
    cvar,          // the mean of the worst share `risk` of them, the last one counted in part (Rockafellar & Uryasev 2002)
    mean_within,   // mean + risk · √(mean over the members of the variance among a member's particles): what is chance
    mean_between,  // mean + risk · std over the members of their mean returns: what is not known
    entropic,      // log(mean exp(risk · return)) / risk, its terms relative to the greatest; a negative risk is cautious
};

/// Throws Error: risk is finite, of cvar in (0, 1], of entropic not 0, and 0 where it means nothing.
void check_objective(Objective objective, double risk);

/// Whether trajectories belong to one member each.
inline bool asks_for_members(Objective objective) {
    return objective == Objective::mean_within || objective == Objective::mean_between;
}

/// Whether no candidate's objective exceeds the mean over its trajectories.
bool at_most_mean(Objective objective, double risk);

/// The objective of finite returns [count], those of a member side by side, which it may put in another order.
float combine(Objective objective, double risk, float* returns, int count, int members);

}  // namespace mbrl
