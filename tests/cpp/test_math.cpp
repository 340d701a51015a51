// The polynomials against libm in double precision: every 1021st float there is, and dense ranges where each is used.
// Prints the largest error of each; ARCHITECTURE.md quotes them. Runs once per instruction set (MBRL_FAST_ISA).
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "kernels/dispatch.hpp"
#include "problem/evaluate.hpp"
#include "problem_file.hpp"
#include "sanitized.hpp"
#include "test.hpp"

namespace {

constexpr double kTiny = std::numeric_limits<float>::min();  // below it the core flushes to zero
/// Sanitizers look for other faults than rounding.
#if MBRL_SANITIZED
constexpr int kEvery = 65537, kDense = 10007;
#else
constexpr int kEvery = 1021, kDense = 1000003;
#endif
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// x86 without FMA rounds products: somewhat larger errors.
bool fused() { return std::string(mbrl::kernels().name) != "baseline"; }

struct Function {
    const char* name;
    double (*exact)(double);
    double ulp, baseline_ulp;  // largest error, with and without a fused multiply-add
    double low, high;          // a dense range, besides the sweep over all floats
    double absolute = 0;       // that much is always allowed
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }

constexpr double kAll = std::numeric_limits<float>::max();
#define OF(EXPRESSION) [](double x) -> double { return EXPRESSION; }
#define OF2(EXPRESSION) [](double x, double y) -> double { return EXPRESSION; }
const Function functions[] = {
    {"exp", OF(std::exp(x)), 2, 2, -90, 90},
    {"expm1", OF(std::expm1(x)), 2, 3, -2, 2},
    {"log", OF(std::log(x)), 2, 2, 0.5, 2},
    {"log1p", OF(std::log1p(x)), 2, 2, -0.9, 2},
    {"tanh", OF(std::tanh(x)), 2, 2, -10, 10},
    {"erf", OF(std::erf(x)), 2, 2, -4.5, 4.5},
    {"sin", OF(std::sin(x)), 2, 2, -100, 100},
    {"cos", OF(std::cos(x)), 2, 2, -100, 100},
    {"tan", OF(std::tan(x)), 4, 4, -100, 100},
    {"atan", OF(std::atan(x)), 3, 3, -5, 5},
    {"asin", OF(std::asin(x)), 3, 3, -1, 1},
    {"acos", OF(std::acos(x)), 3, 3, -1, 1},
    {"sigmoid", OF(sigmoid(x)), 5, 5, -20, 20},
    {"silu", OF(x* sigmoid(x)), 6, 6, -20, 20, 4e-37},  // below -88.3 e^-x overflows and the result is zero
    {"softplus", OF(softplus(x)), 5, 5, -20, 20},
};

/// A problem whose next state is one operation on state (and action).
std::shared_ptr<mbrl::Problem> operation(const std::string& name, int operands) {
    test::ProgramText step;
    step.argument("state", 1).argument("action", 1);
    if (operands == 1) step.op(name, {{0}}, {2});
    if (operands == 2) step.op(name, {{0}, {1}}, {2});
    return test::ProblemFile(1, 1).program("step", step.output("next_state", {2})).load();
}

class Operation {
 public:
    Operation(const std::string& name, int operands) : problem_(operation(name, operands)) {}
    std::vector<float> operator()(const std::vector<float>& x, const std::vector<float>& y) const {
        const std::int64_t batch = static_cast<std::int64_t>(x.size());
        return mbrl::evaluate(problem_->program("step"), 0, batch, {{"state", {x.data(), batch}}, {"action", {y.data(), batch}}})
            .at("next_state");
    }
    std::vector<float> operator()(const std::vector<float>& x) const { return (*this)(x, x); }

 private:
    std::shared_ptr<mbrl::Problem> problem_;
};

/// Error in units of the last place of the exact result. Infinity counts as the number after the largest one; the
/// smallest normal number is always allowed, since what lies below it is flushed.
double ulps(float got, double exact, double absolute = 0) {
    if (std::isnan(got) || std::isnan(exact)) return std::isnan(got) && std::isnan(exact) ? 0 : HUGE_VAL;
    const double beyond = std::ldexp(1.0, 128);
    const double value = std::fmin(std::fmax(double(got), -beyond), beyond), limited = std::fmin(std::fmax(exact, -beyond), beyond);
    const double error = std::fabs(value - limited);
    if (error <= std::fmax(kTiny, absolute)) return 0;
    return error / std::ldexp(1.0, std::max(std::ilogb(limited), -126) - 23);
}

struct Worst {
    double ulp = 0;
    float x = 0, y = 0, got = 0;
    void see(double error, float x_, float y_, float got_) {
        if (error > ulp) *this = {error, x_, y_, got_};
    }
};

bool counts(float x) { return std::fabs(x) >= kTiny && std::fabs(x) <= kAll; }

Worst sweep(const Function& function) {
    const Operation operation(function.name, 1);
    Worst worst;
    std::vector<float> batch;
    const auto flush = [&] {
        const auto got = operation(batch);
        for (std::size_t i = 0; i < batch.size(); ++i) {
            const double error = ulps(got[i], function.exact(batch[i]), function.absolute);
            worst.see(error, batch[i], 0, got[i]);
        }
        batch.clear();
    };
    const auto add = [&](float x) {
        if (counts(x)) batch.push_back(x);
        if (batch.size() == 65536) flush();
    };
    for (std::uint64_t bits = 0; bits < std::uint64_t{1} << 32; bits += kEvery) {
        const std::uint32_t word = static_cast<std::uint32_t>(bits);
        float x;
        std::memcpy(&x, &word, sizeof x);
        add(x);
    }
    for (int i = 0; i <= kDense; ++i) add(static_cast<float>(function.low + (function.high - function.low) * i / kDense));
    flush();
    return worst;
}

TEST(polynomials_stay_within_their_stated_errors) {
    for (const Function& function : functions) {
        const Worst worst = sweep(function);
        const double bound = fused() ? function.ulp : function.baseline_ulp;
        std::printf("  %-9s %8.3f ULP at %.9g\n", function.name, worst.ulp, worst.x);
        EXPECT(worst.ulp <= bound, function.name, "(", worst.x, ") = ", worst.got, " and ", function.exact(worst.x), ": ",
               worst.ulp, " ULP, promised ", bound);
    }
}

/// Largest error over random pairs of every magnitude, and over pairs from a dense square.
Worst sweep_pairs(const std::string& name, double (*exact)(double, double), double low, double high, double low2, double high2) {
    const Operation operation(name, 2);
    std::mt19937 random(1);
    std::uniform_real_distribution<double> first(low, high), second(low2, high2);
    Worst worst;
    std::vector<float> x(65536), y(65536);
    for (int round = 0; round < 32; ++round) {
        for (std::size_t i = 0; i < x.size(); ++i) {
            const std::uint32_t words[] = {static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random())};
            std::memcpy(&x[i], &words[0], sizeof(float));
            std::memcpy(&y[i], &words[1], sizeof(float));
            if (round % 2 || !counts(x[i])) x[i] = static_cast<float>(first(random));
            if (round % 2 || !counts(y[i])) y[i] = static_cast<float>(second(random));
        }
        const auto got = operation(x, y);
        for (std::size_t i = 0; i < x.size(); ++i) worst.see(ulps(got[i], exact(x[i], y[i])), x[i], y[i], got[i]);
    }
    std::printf("  %-9s %8.3f ULP at %.9g, %.9g\n", name.c_str(), worst.ulp, worst.x, worst.y);
    return worst;
}

TEST(functions_of_two_numbers_stay_within_their_stated_errors) {
    const Worst power = sweep_pairs("pow", OF2(std::pow(x, y)), 0, 10, -30, 30);
    EXPECT(power.ulp <= 1, "pow(", power.x, ", ", power.y, ") = ", power.got);
    const Worst near_one = sweep_pairs("pow", OF2(std::pow(x, y)), 0.99, 1.01, -8000, 8000);
    EXPECT(near_one.ulp <= 1, "pow(", near_one.x, ", ", near_one.y, ") = ", near_one.got);
    const Worst angle = sweep_pairs("atan2", OF2(std::atan2(x, y)), -5, 5, -5, 5);
    EXPECT(angle.ulp <= 4, "atan2(", angle.x, ", ", angle.y, ") = ", angle.got);
}

/// The same number, zeros by their sign and all NaN alike.
bool identical(float got, double exact) {
    return std::isnan(exact) ? std::isnan(got) : got == static_cast<float>(exact) && std::signbit(got) == std::signbit(exact);
}

TEST(zeros_infinities_and_nan_are_those_of_libm) {
    const std::vector<float> specials = {0.0f, -0.0f, kInfinity, -kInfinity, kNaN};
    for (const Function& function : functions) {
        const auto got = Operation(function.name, 1)(specials);
        for (std::size_t i = 0; i < specials.size(); ++i) {
            double exact = function.exact(specials[i]);
            if (specials[i] == -kInfinity && std::string(function.name) == "silu") exact = kNaN;  // -inf / inf, as in torch
            EXPECT(identical(got[i], exact) || ulps(got[i], exact) <= 1, function.name, "(", specials[i], ") = ", got[i]);
        }
    }
}

TEST(powers_and_angles_of_special_numbers_are_those_of_libm) {
    const std::vector<float> values = {0.0f,  -0.0f, 0.5f,  -0.5f, 1.0f,  -1.0f, 2.0f,      -2.0f,      3.0f,
                                       -3.0f, 2.5f,  -2.5f, 1e9f,  -1e9f, 1e38f, kInfinity, -kInfinity, kNaN};
    std::vector<float> x, y;
    for (float a : values)
        for (float b : values) x.push_back(a), y.push_back(b);
    const auto powers = Operation("pow", 2)(x, y), angles = Operation("atan2", 2)(x, y);
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double power = std::pow(double(x[i]), double(y[i])), angle = std::atan2(double(x[i]), double(y[i]));
        EXPECT(ulps(powers[i], power) <= 1 && (std::isnan(power) || std::signbit(power) == std::signbit(powers[i])), "pow(", x[i],
               ", ", y[i], ") = ", powers[i], ", not ", power);
        EXPECT(ulps(angles[i], angle) <= 3 && (std::isnan(angle) || std::signbit(angle) == std::signbit(angles[i])), "atan2(", x[i],
               ", ", y[i], ") = ", angles[i], ", not ", angle);
    }
}

}  // namespace

TEST_MAIN
