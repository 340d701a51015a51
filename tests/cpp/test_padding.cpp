// Networks of every size 1..67 and populations of every remainder, in memory full of NaN: what lies in unused lanes and rows, or
// was left by an earlier rollout, reaches no result.
#include <cmath>
#include <cstring>

#include "golden_problems.hpp"
#include "problem/rollout.hpp"
#include "test.hpp"

namespace {

constexpr int kMost = 67;
constexpr int kSteps = 2;

struct Sizes {
    int state, action, hidden, population;
};
Sizes sizes(int n) { return {n, n * 5 % 7 + 1, n * 7 % kMost + 1, n * 3 % kMost + 1}; }

struct Weights {
    std::vector<float> first, bias, second, shift;
};
Weights weights(const Sizes& s) {
    const int inputs = s.state + s.action;
    return {test::fractions(s.hidden * inputs, 1, 0.25f), test::fractions(s.hidden, 2, 0.5f),
            test::fractions(s.state * s.hidden, 3, 0.25f), test::fractions(s.state, 4, 0.5f)};
}

/// x' = tanh(W₂ relu(W₁ [x u] + b₁) + b₂), reward = Σ x' - goal.
std::shared_ptr<mbrl::Problem> network(const Sizes& s) {
    const Weights w = weights(s);
    const int inputs = s.state + s.action;
    test::ProblemFile file(s.state, s.action);
    file.input("goal", {1});
    test::ProgramText step;
    step.argument("state", s.state).argument("action", s.action).argument("goal", 1, "uniform");
    int next = inputs + 1;
    const auto take = [&](int count) { return test::rows((next += count) - count, count); };
    const auto hidden = take(s.hidden), out = take(s.state), state = take(s.state), sum = take(1), reward = take(1);
    step.linear(test::rows(0, inputs), hidden, "step/w0", "step/b0", "relu").linear(hidden, out, "step/w1", "step/b1");
    step.op("tanh", {out}, state).op("sum", {state}, sum).op("sub", {sum, {inputs}}, reward);
    file.program("step", step.output("next_state", state).output("reward", reward));
    file.tensor("step/w0", {1, s.hidden, inputs}, w.first).tensor("step/b0", {1, s.hidden}, w.bias);
    return file.tensor("step/w1", {1, s.state, s.hidden}, w.second).tensor("step/b1", {1, s.state}, w.shift).load();
}

/// The return of one candidate in double precision.
double expected(const Sizes& s, std::vector<double> x, const std::vector<std::vector<float>>& actions, double goal) {
    const Weights w = weights(s);
    const int inputs = s.state + s.action;
    double total = 0;
    for (int t = 0; t < kSteps; ++t) {
        x.insert(x.end(), actions[t].begin(), actions[t].end());
        std::vector<double> hidden(s.hidden), out(s.state);
        for (int h = 0; h < s.hidden; ++h) {
            hidden[h] = w.bias[h];
            for (int k = 0; k < inputs; ++k) hidden[h] += double(w.first[h * inputs + k]) * x[k];
            hidden[h] = std::fmax(hidden[h], 0);
        }
        for (int i = 0; i < s.state; ++i) {
            out[i] = w.shift[i];
            for (int h = 0; h < s.hidden; ++h) out[i] += double(w.second[i * s.hidden + h]) * hidden[h];
            out[i] = std::tanh(out[i]);
            total += out[i];
        }
        total -= goal;
        x = out;
    }
    return total;
}

struct Trial {
    Sizes s;
    mbrl::Rollout rollout;
    int padded;
    mbrl::AlignedFloats actions, returns;

    Trial(const Sizes& sizes, int threads)
        : s(sizes),
          rollout(network(s), {s.population, kSteps, 1, 1}, std::make_shared<mbrl::ThreadPool>(threads)),
          padded(rollout.padded_population()),
          actions(static_cast<std::size_t>(kSteps * s.action) * padded),
          returns(padded) {}

    void poison() {
        const std::vector<float> bad(static_cast<std::size_t>(std::max(s.state, s.action)), NAN);
        std::fill_n(actions.data(), actions.size(), NAN);
        rollout.start(bad.data(), bad.data(), {bad.data()});
        rollout.run({actions.data(), padded}, s.population, returns.data());
    }
    /// Fills only the lanes of real candidates.
    std::vector<float> run() {
        const auto state = test::fractions(s.state, 5, 1), previous = test::fractions(s.action, 6, 1);
        const auto numbers = test::fractions(kSteps * s.action * s.population, 7, 1);
        const float goal = 0.25f;
        for (int e = 0; e < kSteps * s.action; ++e)
            std::copy_n(numbers.data() + static_cast<std::ptrdiff_t>(e) * s.population, s.population,
                        actions.data() + static_cast<std::ptrdiff_t>(e) * padded);
        rollout.start(state.data(), previous.data(), {&goal});
        rollout.run({actions.data(), padded}, s.population, returns.data());
        return {returns.data(), returns.data() + s.population};
    }
    std::vector<std::vector<float>> candidate(int n) const {
        std::vector<std::vector<float>> all(kSteps);
        for (int e = 0; e < kSteps * s.action; ++e) all[e / s.action].push_back(actions[static_cast<std::size_t>(e) * padded + n]);
        return all;
    }
};

TEST(no_padding_reaches_a_result) {
    for (int n = 1; n <= kMost; ++n) {
        const Sizes s = sizes(n);
        Trial poisoned(s, n % 3 + 1), clean(s, 1);
        poisoned.poison();
        const auto got = poisoned.run(), fresh = clean.run();
        EXPECT(std::memcmp(got.data(), fresh.data(), got.size() * sizeof(float)) == 0, n);
        const auto start = test::fractions(s.state, 5, 1);
        for (int c = 0; c < s.population; ++c) {
            const double exact = expected(s, {start.begin(), start.end()}, poisoned.candidate(c), 0.25);
            EXPECT(std::fabs(got[c] - exact) <= 4e-6 * std::fmax(1, s.state), "size ", n, ", candidate ", c, ": ", got[c], " and ",
                   exact);
        }
    }
}

}  // namespace

TEST_MAIN
