// Actions that take one of a few values: the probability of each, knot by knot, refitted on elites (Rubinstein 1999, discrete CEM).
#pragma once

#include <cstdint>
#include <vector>

#include "problem/problem.hpp"

namespace mbrl {

/// z such that a standard normal is below it with probability p; infinite within 1e-11 of 0 and 1. To 1e-15 of its value
/// (Wichura 1988, AS 241), without libm.
double normal_quantile(double p);

class Categorical {
 public:
    Categorical() = default;
    /// `choices`, one for each action: 0 for a continuous one, or the number n of its values, evenly from its lower to its upper
    /// bound. Empty: all continuous. Throws Error.
    Categorical(const Problem& problem, const std::vector<int>& choices, int horizon, double min_probability, double momentum);

    explicit operator bool() const { return numbers_ > 0; }
    /// Probabilities of all knots, as Memory::extra holds them: [horizon][discrete action][value].
    int numbers() const { return numbers_; }
    bool discrete(int element) const { return *this && !values_[element % values_.size()].empty(); }

    void reset(float* probabilities) const;                // all values alike
    void shift(float* probabilities, double knots) const;  // by so many, in time averages
    /// Element e of candidate n is rows[e·stride + n]. Every value keeps at least the least probability.
    void refit(float* probabilities, const float* rows, std::int64_t stride, const int* elites, int count) const;
    /// Before drawing: where standard normals are cut.
    void cut(const float* probabilities);
    /// Standard normals become values of the element, at these probabilities or (fresh) all alike.
    void draw(float* normals, int element, bool fresh, int width) const;
    /// The likeliest value of every discrete element of actions [horizon, action_size].
    void likeliest(const float* probabilities, float* actions) const;
    /// The nearest value of every discrete element.
    void settle(float* actions) const;

 private:
    int index(int action, float value) const;
    template <class Each>
    void each(Each&& call) const;  // call(element, action, offset of its first probability)

    int horizon_ = 0, numbers_ = 0;
    float least_ = 0, momentum_ = 0;
    std::vector<std::vector<float>> values_;  // of each action, empty for a continuous one
    std::vector<int> offset_;                 // of each element's probabilities
    std::vector<float> cuts_;                 // as the probabilities, the last of an element unused
    std::vector<std::vector<float>> even_;    // of each action, for equal probabilities
};

}  // namespace mbrl
