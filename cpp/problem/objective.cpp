#include "problem/objective.hpp"

#include <algorithm>
#include <cmath>

#include "core/check.hpp"

namespace mbrl {
namespace {

double mean_of(const float* returns, int members) {
    double sum = 0;
    for (int m = 0; m < members; ++m) sum += returns[m];
    return sum / members;
}

double mean_and_std(double risk, const float* returns, int members) {
    const double mean = mean_of(returns, members);
    double squares = 0;
    for (int m = 0; m < members; ++m) squares += (returns[m] - mean) * (returns[m] - mean);
    return mean + risk * std::sqrt(squares / members);
}

/// (Σ of the worst ⌊αM⌋ + the rest of αM times the next one) / αM. In ascending order, so that the order of members is nothing.
double tail_mean(double alpha, float* returns, int members) {
    std::sort(returns, returns + members);
    const double mass = std::min(alpha * members, static_cast<double>(members));
    const int whole = static_cast<int>(mass);
    if (whole == 0) return returns[0];
    double sum = 0;
    for (int m = 0; m < whole; ++m) sum += returns[m];
    if (whole < members) sum += (mass - whole) * returns[whole];
    return sum / mass;
}

}  // namespace

void check_objective(Objective objective, double risk) {
    switch (objective) {
        case Objective::mean_std:
            return check(std::isfinite(risk), "risk must be finite, got ", risk);
        case Objective::cvar:
            return check(risk > 0 && risk <= 1, "risk must be in (0, 1] for objective cvar, got ", risk);
        default:
            check(risk == 0, "risk belongs to the objectives mean_std and cvar and must be 0 for the others, got ", risk);
    }
}

bool at_most_mean(Objective objective, double risk) { return objective != Objective::mean_std || risk <= 0; }

float combine(Objective objective, double risk, float* returns, int members) {
    switch (objective) {
        case Objective::mean_std:
            return static_cast<float>(mean_and_std(risk, returns, members));
        case Objective::worst:
            return *std::min_element(returns, returns + members);
        case Objective::cvar:
            return static_cast<float>(tail_mean(risk, returns, members));
        default:
            return static_cast<float>(mean_of(returns, members));
    }
}

}  // namespace mbrl
