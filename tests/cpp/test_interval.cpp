// Interval arithmetic: no value of any operation, on any argument in its interval, lies outside; and the bounds are useful.
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <random>

#include "kernels/dispatch.hpp"
#include "problem/evaluate.hpp"
#include "program/interval.hpp"
#include "test.hpp"

namespace {

using mbrl::Interval;
constexpr double kInf = std::numeric_limits<double>::infinity();

/// Ends that single precision has.
struct Ends {
    float low, high;
};
constexpr float kInfF = std::numeric_limits<float>::infinity();
constexpr Ends kRanges[] = {{-kInfF, kInfF},  {0, kInfF},       {-kInfF, 0},  {-1, 1},       {0, 2},
                            {0.5f, 3},        {-3, -1},         {0, 0},       {1, 1},        {-2, -2},
                            {-1e38f, 1e38f},  {1e-38f, 1e-36f}, {-30, 90},    {-200, -80},   {2, 2},
                            {0.999f, 1.001f}, {3e38f, kInfF},   {-1e-30f, 0}, {-0.5f, 1.5f}, {20000, 1e6f}};

Interval range(std::mt19937& random) {
    const Ends ends = kRanges[random() % std::size(kRanges)];
    return {ends.low, ends.high};
}

/// A number within: an end, zero, huge or tiny where they fit, or anything between.
float draw(Interval range, std::mt19937& random) {
    const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    const double low = std::max(range.low, -3e38), high = std::min(range.high, 3.4e38);
    const double candidates[] = {range.low, range.high, 0, -0.0, 1, -1, 1e-40, -1e-39, 1e38, -1e38, 0.25, -7};
    const double special = candidates[pick(12)];
    if (pick(2) == 0 && special >= range.low && special <= range.high) return static_cast<float>(special);
    std::uniform_real_distribution<double> share(0, 1);
    const double near = pick(2) ? 3 : 1e3;  // most of what happens, happens near zero
    const double from = std::max(low, std::min(-near, high)), to = std::min(high, std::max(near, low));
    const auto x = static_cast<float>(from + share(random) * (to - from));
    return static_cast<float>(std::clamp<double>(x, static_cast<float>(range.low), static_cast<float>(range.high)));
}

/// A Program of random operations over two constants, x [4] and y [1, uniform]; every row is an output.
struct Drawn {
    mbrl::Program program;
    mbrl::Tensor constants, weight, bias;
    std::vector<std::string> text;

    Drawn(std::mt19937& random, int operations) {
        const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
        program.name = "step";
        program.members = 2;
        program.constants = 2;
        program.arguments = {{"x", 4, false, 0}, {"y", 1, true, 0}};
        constants = {{2, 2}, {}};
        for (int i = 0; i < 4; ++i) constants.data.push_back(draw({-3, 3}, random));
        weight = {{2, 2, 3}, {}};
        bias = {{1, 2}, {draw({-1, 1}, random), 0}};
        for (int i = 0; i < 12; ++i) weight.data.push_back(draw({-2, 2}, random));
        int rows = 7;
        const auto some = [&](int count, int first = 0) {
            std::vector<int> list;
            for (int i = 0; i < count; ++i) list.push_back(i > 0 && pick(3) == 0 ? list[0] : first + pick(rows - first));
            return list;
        };
        for (int n = 0; n < operations; ++n) {
            const auto& op = mbrl::kernels().ops[pick(mbrl::kernels().op_count)];
            mbrl::Instruction made;
            made.op = mbrl::find_op(op.name);
            const std::string name = op.name;
            if (op.kind == mbrl::OpKind::linear) {
                // constants and uniform arguments are no inputs of a layer
                std::vector<int> in;
                while (in.size() < 3)
                    if (const int row = pick(rows); row >= 2 && row != 6) in.push_back(row);
                made.in = {in};
                made.out = {rows, rows + 1};
                made.relu = pick(2);
                made.weight = &weight;
                made.bias = &bias;
            } else if (op.kind == mbrl::OpKind::map) {
                const auto operands = some(op.arity);  // the same row twice, now and then
                for (int row : operands) made.in.push_back({row});
                made.out = {rows};
            } else {
                const int inner = 1 + pick(4);
                made.in = {some(2 * inner)};
                if (op.arity == 2) made.in.push_back(pick(2) ? made.in[0] : some(2 * inner));
                if ((name == "sum" || name == "dot") && pick(2)) made.in.push_back(some(2));
                made.out = {rows, rows + 1};
            }
            rows += static_cast<int>(made.out.size());
            text.push_back(name);
            program.instructions.push_back(std::move(made));
        }
        for (int row = 0; row < rows; ++row) program.outputs["rows"].push_back(row);
        program.finish(&constants);
    }
};

TEST(no_value_leaves_its_interval) {
    std::mt19937 random(11);
    constexpr int batch = 64;
    for (int repeat = 0; repeat < 1500; ++repeat) {
        const Drawn drawn(random, 1 + repeat % 12);
        mbrl::ArgumentIntervals arguments;
        for (int i = 0; i < 4; ++i) arguments["x"].push_back(range(random));
        arguments["y"] = {range(random)};
        std::vector<float> x, y = {draw(arguments["y"][0], random)};
        for (int n = 0; n < batch; ++n)
            for (int i = 0; i < 4; ++i) x.push_back(random() % 50 == 0 ? std::nanf("") : draw(arguments["x"][i], random));
        const auto intervals = output_intervals(drawn.program, "rows", arguments);
        for (int member = 0; member < 2; ++member) {
            const auto rows = evaluate(drawn.program, member, batch, {{"x", {x.data(), batch}}, {"y", {y.data(), 1}}}).at("rows");
            for (std::size_t i = 7; i < rows.size(); ++i) {
                const std::size_t row = i % intervals.size();
                if (row < 7) continue;
                const double value = std::fabs(rows[i]) < FLT_MIN ? 0.0f : rows[i];  // as every operation reads it
                const bool within = std::isnan(value) || (value >= intervals[row].low && value <= intervals[row].high);
                std::size_t op = 0;
                for (std::size_t first = 7; op + 1 < drawn.program.instructions.size(); ++op) {
                    first += drawn.program.instructions[op].out.size();
                    if (first > row) break;
                }
                EXPECT(within, drawn.text[op], ": ", value, " is not in [", intervals[row].low, ", ", intervals[row].high, "]");
            }
        }
    }
}

/// The interval of one operation on operands in these intervals, one row each.
Interval of(const std::string& op, const std::vector<Interval>& operands) {
    mbrl::Program program;
    program.name = "step";
    mbrl::ArgumentIntervals arguments;
    mbrl::Instruction made;
    made.op = mbrl::find_op(op.c_str());
    for (std::size_t i = 0; i < operands.size(); ++i) {
        const std::string name(1, static_cast<char>('a' + i));
        program.arguments.push_back({name, 1, false, 0});
        arguments[name] = {operands[i]};
        made.in.push_back({static_cast<int>(i)});
    }
    made.out = {static_cast<int>(operands.size())};
    program.instructions = {made};
    program.outputs["y"] = made.out;
    program.finish(nullptr);
    return output_intervals(program, "y", arguments)[0];
}

void expect_near(const std::string& op, const std::vector<Interval>& operands, double low, double high) {
    const Interval y = of(op, operands);
    const auto near = [](double a, double b) { return a == b || std::fabs(a - b) <= 2e-4 * std::fabs(b) + 1e-36; };
    EXPECT(near(y.low, low) && near(y.high, high), op, ": [", y.low, ", ", y.high, "] and [", low, ", ", high, "]");
}

TEST(intervals_are_no_wider_than_they_must_be) {
    const Interval any, unit{-1, 1}, positive{0, kInf};
    expect_near("abs", {any}, 0, kInf);
    expect_near("sqrt", {any}, 0, kInf);
    expect_near("exp", {{-kInf, 0}}, 0, 1);
    expect_near("tanh", {any}, -1, 1);
    expect_near("sigmoid", {{0, kInf}}, 0.5, 1);
    expect_near("relu", {any}, 0, kInf);
    expect_near("softplus", {any}, 0, kInf);
    expect_near("silu", {any}, -0.27846454, kInf);
    expect_near("sin", {any}, -1, 1);
    expect_near("atan2", {any, any}, -3.14159265, 3.14159265);
    expect_near("lt", {any, any}, 0, 1);
    expect_near("isnan", {any}, 0, 1);
    expect_near("mul", {unit, {2, 3}}, -3, 3);
    expect_near("mul", {positive, {-kInf, 0}}, -kInf, 0);
    expect_near("div", {unit, {0.5, 2}}, -2, 2);
    expect_near("div", {unit, unit}, -kInf, kInf);
    expect_near("pow", {any, {2, 2}}, 0, kInf);
    expect_near("pow", {{0, 4}, {0.5, 0.5}}, 0, 2);
    expect_near("pow", {any, {3, 3}}, -kInf, kInf);
    expect_near("minimum", {any, unit}, -kInf, 1);
    expect_near("where", {any, unit, {2, 3}}, -1, 3);
    expect_near("fma", {unit, unit, {2, 2}}, 1, 3);
    expect_near("fmod", {any, {3, 3}}, -3, 3);
    expect_near("add", {{-kInf, 1}, {-kInf, 2}}, -kInf, 3);
}

/// −√(Σ w |x − g|) of anything, with weights that may be zero: exactly zero, which sums of such rewards keep.
TEST(a_distance_has_the_bound_zero_exactly) {
    mbrl::Program program;
    program.name = "step";
    program.constants = 3;
    program.arguments = {{"x", 3, false, 0}, {"g", 3, true, 0}};
    const auto add = [&](const char* op, std::vector<std::vector<int>> in, std::vector<int> out) {
        mbrl::Instruction made;
        made.op = mbrl::find_op(op);
        made.in = std::move(in);
        made.out = std::move(out);
        program.instructions.push_back(made);
    };
    add("sub", {{3, 4, 5}, {6, 7, 8}}, {9, 10, 11});
    add("abs", {{9, 10, 11}}, {12, 13, 14});
    add("dot", {{0, 1, 2}, {12, 13, 14}}, {15});
    add("sqrt", {{15}}, {16});
    add("neg", {{16}}, {17});
    add("mul", {{9, 10, 11}, {0, 1, 2}}, {18, 19, 20});
    add("dot", {{18, 19, 20}, {9, 10, 11}}, {21});  // Σ (w·d)·d
    add("neg", {{21}}, {22});
    program.outputs["y"] = {17, 22};
    const mbrl::Tensor weights{{1, 3}, {1, 0.3f, 0}};
    program.finish(&weights);
    const auto y = output_intervals(program, "y", {});
    EXPECT(y[0].low == -kInf && y[0].high == 0, y[0].high);
    EXPECT(y[1].low == -kInf && y[1].high == 0, y[1].high);
}

TEST(a_layer_of_bounded_inputs_is_bounded_over_all_members) {
    mbrl::Program program;
    program.name = "step";
    program.members = 2;
    program.arguments = {{"x", 7, false, 0}};
    mbrl::Instruction layer;
    layer.op = mbrl::find_op("linear");
    layer.in = {{0, 1, 2, 3, 4, 5, 6}};
    mbrl::Tensor weight{{2, 14, 7}, {}}, bias{{1, 14}, {}};
    for (int i = 0; i < 2 * 14 * 7; ++i) weight.data.push_back(static_cast<float>(i % 14 - 6));
    for (int i = 0; i < 14; ++i) {
        layer.out.push_back(7 + i);
        bias.data.push_back(static_cast<float>(i));
    }
    layer.weight = &weight;
    layer.bias = &bias;
    program.instructions = {layer};
    program.outputs["y"] = layer.out;
    program.finish(nullptr);
    const auto y = output_intervals(program, "y", {{"x", std::vector<Interval>(7, {-1, 2})}});
    for (int row = 0; row < 14; ++row) {
        double low = kInf, high = -kInf;
        for (int member = 0; member < 2; ++member) {
            double least = row, most = row;
            for (int k = 0; k < 7; ++k) {
                const double w = (member * 98 + row * 7 + k) % 14 - 6;
                least += std::min(-w, 2 * w);
                most += std::max(-w, 2 * w);
            }
            low = std::min(low, least);
            high = std::max(high, most);
        }
        EXPECT(std::fabs(y[row].low - low) < 1e-4 && std::fabs(y[row].high - high) < 1e-4, "row ", row, ": ", y[row].low, " ",
               y[row].high);
    }
}

}  // namespace

TEST_MAIN
