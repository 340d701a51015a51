// Interval arithmetic over a Program: between which numbers each row stays, whatever its arguments.
#pragma once

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "program/program.hpp"

namespace mbrl {

/// Every value that a row takes, over all members, lies in [low, high] or is NaN.
struct Interval {
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();
};

/// Intervals of the rows of each argument; what is not named may be anything.
using ArgumentIntervals = std::map<std::string, std::vector<Interval>>;

/// The intervals of an output's rows; empty when the Program has no such output.
std::vector<Interval> output_intervals(const Program& program, const std::string& output, const ArgumentIntervals& arguments);

/// An interval that also holds what single precision makes of a bound that a person gave.
Interval loosened(Interval x);

}  // namespace mbrl
