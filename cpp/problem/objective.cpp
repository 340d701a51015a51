#include "problem/objective.hpp"

#include <algorithm>
#include <cmath>

#include "core/check.hpp"
#include "core/exact.hpp"

namespace mbrl {
namespace {

double mean_of(const float* returns, int count) {
    double sum = 0;
    for (int n = 0; n < count; ++n) sum += returns[n];
    return sum / count;
}

/// Of the population.
double variance_of(const float* returns, int count) {
    const double mean = mean_of(returns, count);
    double squares = 0;
    for (int n = 0; n < count; ++n) squares += (returns[n] - mean) * (returns[n] - mean);
    return squares / count;
}

double variance_within(const float* returns, int count, int members) {
    const int each = count / members;
    double sum = 0;
    for (int m = 0; m < members; ++m) sum += variance_of(returns + m * each, each);
    return sum / members;
}

/// The variance of all is that within members and that between them.
double variance_between(const float* returns, int count, int members) {
    return std::max(variance_of(returns, count) - variance_within(returns, count, members), 0.0);
}

/// The greatest term is 1, so that nothing overflows; what is left out below e^-700 is nothing beside it.
double entropic(double risk, const float* returns, int count) {
    double most = risk * returns[0], sum = 0;
    for (int n = 1; n < count; ++n) most = std::max(most, risk * returns[n]);
    for (int n = 0; n < count; ++n) sum += exact::exp(std::max(risk * returns[n] - most, -699.0));
    return (most + exact::log(sum / count)) / risk;
}

/// (Σ of the worst ⌊αN⌋ + the rest of αN times the next one) / αN. In ascending order, so that the order of trajectories is
/// nothing.
double tail_mean(double alpha, float* returns, int count) {
    std::sort(returns, returns + count);
    const double mass = std::min(alpha * count, static_cast<double>(count));
    const int whole = static_cast<int>(mass);
    if (whole == 0) return returns[0];
    double sum = 0;
    for (int m = 0; m < whole; ++m) sum += returns[m];
    if (whole < count) sum += (mass - whole) * returns[whole];
    return sum / mass;
}

}  // namespace

void check_objective(Objective objective, double risk) {
    switch (objective) {
        case Objective::mean_std:
        case Objective::mean_within:
        case Objective::mean_between:
            return check(std::isfinite(risk), "risk must be finite, got ", risk);
        case Objective::entropic:
            return check(std::isfinite(risk) && risk != 0, "risk must be finite and not 0 for objective entropic, got ", risk);
        case Objective::cvar:
            return check(risk > 0 && risk <= 1, "risk must be in (0, 1] for objective cvar, got ", risk);
        default:
            check(risk == 0, "risk must be 0 for the objectives mean and worst, which have none, got ", risk);
    }
}

bool at_most_mean(Objective objective, double risk) {
    const bool has_sign = asks_for_members(objective) || objective == Objective::mean_std || objective == Objective::entropic;
    return !has_sign || risk <= 0;
}

float combine(Objective objective, double risk, float* returns, int count, int members) {
    const auto with_spread = [&](double variance) {
        return static_cast<float>(mean_of(returns, count) + risk * std::sqrt(variance));
    };
    switch (objective) {
        case Objective::mean_std:
            return with_spread(variance_of(returns, count));
        case Objective::mean_within:
            return with_spread(variance_within(returns, count, members));
        case Objective::mean_between:
            return with_spread(variance_between(returns, count, members));
        case Objective::worst:
            return *std::min_element(returns, returns + count);
        case Objective::cvar:
            return static_cast<float>(tail_mean(risk, returns, count));
        case Objective::entropic:
            return static_cast<float>(entropic(risk, returns, count));
        default:
            return static_cast<float>(mean_of(returns, count));
    }
}

}  // namespace mbrl
