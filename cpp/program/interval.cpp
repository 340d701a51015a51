#include "program/interval.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "kernels/dispatch.hpp"

namespace mbrl {
namespace {

// Soundness. By induction over the instructions: if every operand is NaN or in its interval, so is every result, where
// subnormals, which every operation reads as zeros, count as zeros.
// - Sums, products, quotients and roots are rounded correctly (a fused multiply-add once, or as its two parts), subnormals
//   are flushed to zero. Rounding and flushing are monotone and keep zero, so a result never crosses zero; else it moves by
//   less than kRounding of itself, or by kTiny. Long sums are followed term by term, in the order of the kernel.
// - The polynomials have the sign of what they approximate and are good to a few units in the last place (in the seventh
//   digit), far within kApproximation. Their results may pass 1 by such a unit, as 1 here is 1.00001.
// - An end that single precision cannot hold is infinite. Products of zero and infinity are NaN: here they are zero, and so
//   infinite ends stand for large numbers. This file computes in double, whose own errors are far below kRounding.
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kRounding = 2.5e-7, kApproximation = 1e-5, kPower = 1e-4, kTiny = 1e-37;
constexpr double kPi = 3.14159265358979;

const Interval kAnything{}, kTruth{0, 1};

/// Outwards by a share of each end and kTiny, not across zero; a zero stays.
Interval widened(double low, double high, double share) {
    const auto up = [&](double x) {
        if (x == 0) return 0.0;
        return x > 0 ? x * (1 + share) + kTiny : std::min(0.0, x * (1 - share) + kTiny);
    };
    Interval y{-up(-low), up(high)};
    if (y.high > FLT_MAX) y.high = kInf;
    if (y.low < -FLT_MAX) y.low = -kInf;
    return {std::min<double>(y.low, FLT_MAX), std::max<double>(y.high, -FLT_MAX)};
}

Interval hull(std::initializer_list<double> ends) { return {std::min(ends), std::max(ends)}; }
Interval rounded(Interval x) { return widened(x.low, x.high, kRounding); }
double times(double a, double b) { return a == 0 || b == 0 ? 0.0 : a * b; }
bool contains(Interval x, double value) { return x.low <= value && value <= x.high; }
bool unbounded(Interval x) { return x.low == -kInf && x.high == kInf; }

Interval neg(Interval a) { return {-a.high, -a.low}; }
Interval magnitude(Interval a) { return {std::max({0.0, a.low, -a.high}), std::max(std::fabs(a.low), std::fabs(a.high))}; }
Interval add(Interval a, Interval b) {
    const double low = a.low + b.low, high = a.high + b.high;  // opposite infinities: anything
    return rounded({std::isnan(low) ? -kInf : low, std::isnan(high) ? kInf : high});
}
Interval sub(Interval a, Interval b) { return add(a, neg(b)); }
Interval mul(Interval a, Interval b) {
    return rounded(hull({times(a.low, b.low), times(a.low, b.high), times(a.high, b.low), times(a.high, b.high)}));
}
/// A denominator of zero may have either sign.
Interval div(Interval a, Interval b) {
    if (contains(b, 0)) return kAnything;
    return mul(a, {1 / b.high, 1 / b.low});
}
Interval square(Interval a) {
    a = magnitude(a);
    return rounded({a.low * a.low, a.high * a.high});
}
Interval minimum(Interval a, Interval b) { return {std::min(a.low, b.low), std::min(a.high, b.high)}; }
Interval maximum(Interval a, Interval b) { return {std::max(a.low, b.low), std::max(a.high, b.high)}; }

/// Monotone in each of base and exponent, so its ends are at corners. Negative bases: even powers only.
Interval pow(Interval a, Interval b) {
    const bool even = b.low == b.high && std::fabs(b.low) < 1e6 && std::fmod(b.low, 2) == 0;
    if (even) a = magnitude(a);
    if (a.low < 0 || (a.low == 0 && b.low < 0)) return kAnything;
    const Interval y = hull({std::pow(a.low, b.low), std::pow(a.low, b.high), std::pow(a.high, b.low), std::pow(a.high, b.high)});
    return widened(y.low, y.high, kPower);
}
/// At most as far from zero as either operand, on the side of the first.
Interval fmod(Interval a, Interval b) {
    const double most = magnitude(b).high;
    return {a.low >= 0 ? 0.0 : std::max(a.low, -most), a.high <= 0 ? 0.0 : std::min(a.high, most)};
}

template <double (*f)(double)>
Interval exact(Interval a) {
    return {f(a.low), f(a.high)};
}
template <double (*f)(double)>
Interval rising(Interval a) {
    return widened(f(a.low), f(a.high), kApproximation);
}
double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double silu(double x) { return x == -kInf ? 0 : x * sigmoid(x); }
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
double log_of(double x) { return x > 0 ? std::log(x) : -kInf; }
double log1p_of(double x) { return x > -1 ? std::log1p(x) : -kInf; }
double root(double x) { return x > 0 ? std::sqrt(x) : 0; }

Interval silu_range(Interval a) {
    const double valley = -1.27846454;
    const Interval ends = hull({silu(a.low), silu(a.high)});
    return widened(contains(a, valley) ? silu(valley) : ends.low, ends.high, kApproximation);
}
Interval relu(Interval a) { return maximum(a, {0, 0}); }

using Unary = Interval (*)(Interval);
using Binary = Interval (*)(Interval, Interval);

template <int low, int high>  // in units of π/2
Interval angles(Interval) {
    return widened(low * kPi / 2, high * kPi / 2, kApproximation);
}
Interval wave(Interval) { return widened(-1, 1, kApproximation); }
Interval truth(Interval) { return kTruth; }
Interval truth2(Interval, Interval) { return kTruth; }

const std::map<std::string_view, Unary>& unary() {
    static const std::map<std::string_view, Unary> rules = {
        {"copy", [](Interval a) { return a; }},
        {"neg", neg},
        {"abs", magnitude},
        {"sign", exact<sign>},
        {"floor", exact<std::floor>},
        {"ceil", exact<std::ceil>},
        {"round", exact<std::nearbyint>},
        {"trunc", exact<std::trunc>},
        {"sqrt", rising<root>},
        {"exp", rising<std::exp>},
        {"expm1", rising<std::expm1>},
        {"log", rising<log_of>},
        {"log1p", rising<log1p_of>},
        {"sin", wave},
        {"cos", wave},
        {"asin", angles<-1, 1>},
        {"acos", angles<0, 2>},
        {"atan", rising<std::atan>},
        {"tanh", rising<std::tanh>},
        {"sigmoid", rising<sigmoid>},
        {"silu", silu_range},
        {"softplus", rising<softplus>},
        {"erf", rising<std::erf>},
        {"relu", relu},
        {"isnan", truth},
        {"logical_not", truth},
    };
    return rules;
}

const std::map<std::string_view, Binary>& binary() {
    static const std::map<std::string_view, Binary> rules = {
        {"add", add},
        {"sub", sub},
        {"div", div},
        {"minimum", minimum},
        {"maximum", maximum},
        {"pow", pow},
        {"fmod", fmod},
        {"atan2", [](Interval, Interval) { return angles<-2, 2>({}); }},
        {"lt", truth2},
        {"le", truth2},
        {"eq", truth2},
        {"ne", truth2},
        {"logical_and", truth2},
        {"logical_or", truth2},
    };
    return rules;
}

/// Walks a Program once, in order.
class Bounds {
 public:
    Bounds(const Program& program, const ArgumentIntervals& arguments)
        : program_(program), rows_(program.rows()), factors_(program.rows(), {-1, -1}) {
        for (int row = 0; row < program.constants; ++row) rows_[row] = constant(row);
        for (const auto& argument : program.arguments) {
            const auto given = arguments.find(argument.name);
            if (given == arguments.end()) continue;
            for (int i = 0; i < argument.size; ++i) rows_[argument.first_row + i] = flushed(given->second[i]);
        }
        for (const auto& instruction : program.instructions) follow(instruction);
    }
    Interval row(int index) const { return rows_[index]; }

 private:
    /// Subnormals are read as zeros.
    static Interval flushed(Interval x) {
        if (std::fabs(x.low) < FLT_MIN) x.low = std::min(x.low, 0.0);
        if (std::fabs(x.high) < FLT_MIN) x.high = std::max(x.high, 0.0);
        return x;
    }
    Interval constant(int row) const {
        Interval x{kInf, -kInf};
        for (int member = 0; member < program_.members; ++member) {
            const double value = program_.constant(member, row);
            x = {std::min(x.low, value), std::max(x.high, value)};
        }
        return flushed(x);
    }

    /// A product of two rows: x·x, and (w·x)·x, have the sign of what is left.
    Interval product(int a, int b) const {
        if (a == b) return square(rows_[a]);
        for (const auto& [p, x] : {std::pair{a, b}, {b, a}}) {
            const auto [first, second] = factors_[p];
            if (first == x || second == x) return mul(rows_[first == x ? second : first], square(rows_[x]));
        }
        return mul(rows_[a], rows_[b]);
    }

    void follow(const Instruction& instruction) {
        const OpKernel& op = kernels().ops[instruction.op];
        for (std::size_t i = 0; i < instruction.out.size(); ++i) {
            const int out = instruction.out[i];
            rows_[out] = op.kind == OpKind::map      ? map(op.name, instruction, i)
                         : op.kind == OpKind::linear ? linear(instruction, i)
                                                     : reduce(op.name, instruction, i);
        }
    }

    Interval map(std::string_view op, const Instruction& instruction, std::size_t i) {
        const auto operand = [&](int list) { return instruction.in[list][i]; };
        if (const auto rule = unary().find(op); rule != unary().end()) return rule->second(rows_[operand(0)]);
        if (const auto rule = binary().find(op); rule != binary().end()) return rule->second(rows_[operand(0)], rows_[operand(1)]);
        if (op == "mul") {
            factors_[instruction.out[i]] = {operand(0), operand(1)};
            return product(operand(0), operand(1));
        }
        if (op == "fma") return add(product(operand(0), operand(1)), rows_[operand(2)]);
        if (op == "where") {
            const Interval yes = rows_[operand(1)], no = rows_[operand(2)];
            return {std::min(yes.low, no.low), std::max(yes.high, no.high)};
        }
        return kAnything;
    }

    Interval reduce(std::string_view op, const Instruction& instruction, std::size_t i) const {
        const std::size_t inner = instruction.inner(), first = i * inner;
        const auto operand = [&](int list, std::size_t k) { return instruction.in[list][first + k]; };
        if (op == "argmax" || op == "argmin") return {0, static_cast<double>(inner - 1)};
        if (op == "dot") {
            Interval total = instruction.has_start() ? rows_[instruction.in[2][i]] : Interval{0, 0};
            for (std::size_t k = 0; k < inner; ++k) total = add(total, product(operand(0, k), operand(1, k)));
            return total;
        }
        const Binary fold = op == "sum" ? add : op == "prod" ? mul : op == "amax" ? maximum : op == "amin" ? minimum : nullptr;
        if (!fold) return kAnything;
        Interval total = instruction.has_start() ? fold(rows_[instruction.in[1][i]], rows_[operand(0, 0)]) : rows_[operand(0, 0)];
        for (std::size_t k = 1; k < inner; ++k) total = fold(total, rows_[operand(0, k)]);
        return total;
    }

    /// Layers behind anything unbounded are unbounded, whatever their weights: no need to read them.
    Interval linear(const Instruction& instruction, std::size_t i) const {
        const std::vector<int>& in = instruction.in[0];
        Interval all{kInf, -kInf};
        if (!std::any_of(in.begin(), in.end(), [&](int row) { return unbounded(rows_[row]); })) {
            for (int member = 0; member < program_.members; ++member) {
                Interval total = point(program_.packed_bias(member, instruction, static_cast<int>(i)));
                for (std::size_t k = 0; k < in.size() && !unbounded(total); ++k)
                    total =
                        add(total, mul(point(program_.packed_weight(member, instruction, static_cast<int>(i), static_cast<int>(k))),
                                       rows_[in[k]]));
                all = {std::min(all.low, total.low), std::max(all.high, total.high)};
            }
        } else {
            all = kAnything;
        }
        return instruction.relu ? relu(all) : all;
    }
    static Interval point(float x) { return flushed({x, x}); }

    const Program& program_;
    std::vector<Interval> rows_;
    std::vector<std::pair<int, int>> factors_;  // of rows that are products of two rows
};

}  // namespace

Interval loosened(Interval x) { return widened(x.low, x.high, kApproximation); }

std::vector<Interval> output_intervals(const Program& program, const std::string& output, const ArgumentIntervals& arguments) {
    std::vector<Interval> intervals;
    const auto rows = program.outputs.find(output);
    if (rows == program.outputs.end()) return intervals;
    const Bounds bounds(program, arguments);
    for (int row : rows->second) intervals.push_back(bounds.row(row));
    return intervals;
}

}  // namespace mbrl
