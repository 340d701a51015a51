// Problems for the committed hashes: between them they use every kernel that planning has. Their numbers are small fractions, so
// that no library computes any of them.
#pragma once

#include "problem_file.hpp"

namespace test {

/// Pseudo-random multiples of 1/256 in (-scale, scale), scale a power of two.
inline std::vector<float> fractions(int count, std::uint32_t seed, float scale) {
    std::vector<float> values(count);
    for (float& value : values) {
        seed = seed * 1664525u + 1013904223u;
        value = static_cast<float>(static_cast<int>(seed >> 24) - 128) / 128.0f * scale;
    }
    return values;
}

inline std::vector<int> rows(int first, int count) {
    std::vector<int> list(count);
    for (int i = 0; i < count; ++i) list[i] = first + i;
    return list;
}

/// x' = x + A·x·u + B·u by dot products, A an input; the reward is a quadratic form's; the state ends nowhere.
inline ProblemFile matrices() {
    ProblemFile file(3, 2);
    file.input("matrix", {3, 3});
    ProgramText step;  // rows: 0 1 constants, 2 3 4 x, 5 6 u, 7..15 matrix, 16..18 A·x, 19..21 x', 22 |x'|², 23 reward
    step.json["constants"] = 2;
    step.argument("state", 3).argument("action", 2).argument("matrix", 9, "uniform");
    step.op("dot", {{7, 8, 9, 10, 11, 12, 13, 14, 15}, {2, 3, 4, 2, 3, 4, 2, 3, 4}, {5, 6, 5}}, {16, 17, 18});
    step.op("fma", {{16, 17, 18}, {0, 0, 0}, {2, 3, 4}}, {19, 20, 21});
    step.op("dot", {{19, 20, 21, 5, 6}, {19, 20, 21, 5, 6}}, {22}).op("mul", {{22}, {1}}, {23});
    file.tensor("step/constants", {1, 2}, {0.125f, -0.5f});
    return file.program("step", step.output("next_state", {19, 20, 21}).output("reward", {23}));
}

/// An ensemble of three networks 5 → 29 (silu) → 13 (tanh) → 3 with sigmoid, softplus, erf and an end.
inline ProblemFile networks() {
    ProblemFile file(3, 2);
    file.graph["members"] = 3;
    file.input("goal", {3});
    ProgramText step;  // rows: 0 one, 1 2 3 x, 4 5 u, 6 7 8 goal, then the layers
    step.json["members"] = 3;
    step.json["constants"] = 1;
    step.argument("state", 3).argument("action", 2).argument("goal", 3, "uniform");
    int next = 9;
    const auto take = [&](int count) { return rows((next += count) - count, count); };
    const auto hidden = take(29), bent = take(29), deep = take(13), deeper = take(13), change = take(3), state = take(3);
    const auto off = take(3), soft = take(3), error = take(3), sum = take(1), reward = take(1), ended = take(1);
    step.linear({1, 2, 3, 4, 5}, hidden, "step/w0", "step/b0").op("silu", {hidden}, bent);
    step.linear(bent, deep, "step/w1", "step/b1").op("tanh", {deep}, deeper);
    step.linear(deeper, change, "step/w2", "step/b2").op("add", {{1, 2, 3}, change}, state);
    step.op("sub", {state, {6, 7, 8}}, off).op("softplus", {off}, soft).op("erf", {soft}, error);
    step.op("sum", {error}, sum).op("neg", {sum}, reward).op("lt", {{0}, {state[0]}}, ended);
    step.output("next_state", state).output("reward", reward).output("termination", ended);
    ProgramText terminal;
    terminal.argument("state", 3).op("sigmoid", {{0}}, {3}).op("amax", {{3, 1, 2}}, {4});
    file.program("step", step).program("terminal_value", terminal.output("value", {4}));
    file.tensor("step/constants", {1, 1}, {1.5f});
    file.tensor("step/w0", {3, 29, 5}, fractions(3 * 29 * 5, 1, 0.5f)).tensor("step/b0", {3, 29}, fractions(3 * 29, 2, 0.25f));
    file.tensor("step/w1", {3, 13, 29}, fractions(3 * 13 * 29, 3, 0.25f)).tensor("step/b1", {1, 13}, fractions(13, 4, 0.25f));
    return file.tensor("step/w2", {1, 3, 13}, fractions(3 * 13, 5, 0.125f)).tensor("step/b2", {3, 3}, fractions(9, 6, 0.125f));
}

/// Two networks 5 → 13 (silu) → 6 that say mean and standard deviation.
inline ProblemFile gaussians() {
    ProblemFile file(3, 2);
    file.graph["members"] = 2;
    ProgramText step;  // rows: 0 1 2 x, 3 4 u, 5 6 7 noise, then the layers
    step.json["members"] = 2;
    step.argument("state", 3).argument("action", 2).argument("noise", 3);
    int next = 8;
    const auto take = [&](int count) { return rows((next += count) - count, count); };
    const auto hidden = take(13), bent = take(13), change = take(3), raw = take(3), mean = take(3), std = take(3), state = take(3);
    const auto size = take(1), reward = take(1);
    std::vector<int> both = change;
    both.insert(both.end(), raw.begin(), raw.end());
    step.linear({0, 1, 2, 3, 4}, hidden, "step/w0", "step/b0").op("silu", {hidden}, bent);
    step.linear(bent, both, "step/w1", "step/b1").op("add", {{0, 1, 2}, change}, mean).op("sigmoid", {raw}, std);
    step.op("fma", {std, {5, 6, 7}, mean}, state).op("dot", {state, state}, size).op("neg", {size}, reward);
    file.program("step", step.output("next_state", state).output("std", std).output("reward", reward));
    file.tensor("step/w0", {2, 13, 5}, fractions(2 * 13 * 5, 1, 0.5f)).tensor("step/b0", {2, 13}, fractions(2 * 13, 2, 0.25f));
    return file.tensor("step/w1", {2, 6, 13}, fractions(2 * 6 * 13, 3, 0.25f)).tensor("step/b1", {2, 6}, fractions(12, 4, 0.25f));
}

/// A vehicle that turns, with every other function: angles, powers, logarithms, roots, rounding, comparisons.
inline ProblemFile functions() {
    ProblemFile file(4, 2);
    ProgramText step;  // rows: 0 ¼, 1 three, 2 one, 3..6 x y heading speed, 7 8 u, 9 time
    step.json["constants"] = 3;
    step.argument("state", 4).argument("action", 2).argument("time", 1);
    step.op("cos", {{5}}, {10}).op("sin", {{5}}, {11}).op("mul", {{6, 6}, {0, 0}}, {12, 13});
    step.op("fma", {{12, 13}, {10, 11}, {3, 4}}, {14, 15});              // x' y'
    step.op("tan", {{8}}, {16}).op("fma", {{12}, {16}, {5}}, {17});      // heading'
    step.op("fma", {{7}, {0}, {6}}, {18});                               // speed'
    step.op("atan2", {{15}, {14}}, {19}).op("fmod", {{17}, {1}}, {20});  // bearing, wrapped heading
    step.op("abs", {{14, 15, 18, 20}}, {21, 22, 23, 24});                // magnitudes
    step.op("sqrt", {{21}}, {25}).op("log1p", {{22}}, {26}).op("pow", {{23}, {1}}, {27}).op("exp", {{20}}, {28});
    step.op("add", {{21}, {2}}, {29}).op("log", {{29}}, {30}).op("expm1", {{8}}, {31}).op("atan", {{17}}, {32});
    step.op("asin", {{7}}, {33}).op("acos", {{8}}, {34}).op("round", {{9}}, {35}).op("floor", {{17}}, {36});
    step.op("maximum", {{25}, {26}}, {37}).op("minimum", {{27}, {28}}, {38}).op("div", {{37}, {29}}, {39});
    step.op("lt", {{19}, {32}}, {40}).op("where", {{40}, {33}, {34}}, {41}).op("prod", {{30, 31, 2}}, {42});
    step.op("sum", {{37, 38, 39, 41, 42, 35, 36}}, {43}).op("mul", {{43}, {0}}, {44}).op("neg", {{44}}, {45});
    step.output("next_state", {14, 15, 17, 18}).output("reward", {45});
    file.tensor("step/constants", {1, 3}, {0.25f, 3, 1});
    return file.program("step", step);
}

}  // namespace test
