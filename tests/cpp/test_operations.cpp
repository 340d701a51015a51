// Every operation against double-precision libm, for every number of lanes 1..67, in lane memory poisoned with NaN.
// Runs once per instruction set (MBRL_FAST_ISA).
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <set>

#include "kernels/dispatch.hpp"
#include "program/executor.hpp"
#include "test.hpp"

namespace {

using mbrl::OpKind;

constexpr int kMostLanes = 67;
constexpr int kStride = 80;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// Without a fused multiply-add, `fma` rounds twice and cancellation shows it.
bool fused() { return std::string(mbrl::kernels().name) != "baseline"; }

/// The double result of an operation on a list of numbers, in the order of the operand lists.
struct Reference {
    std::function<double(const std::vector<double>&)> value;
    double ulp;
    double low = -3, high = 3;
};

double truth(bool value) { return value ? 1 : 0; }

#define UNARY(EXPRESSION)              \
    [](const std::vector<double>& v) { \
        const double a = v[0];         \
        return double(EXPRESSION);     \
    }
#define BINARY(EXPRESSION)               \
    [](const std::vector<double>& v) {   \
        const double a = v[0], b = v[1]; \
        return double(EXPRESSION);       \
    }

const std::map<std::string, Reference>& references() {
    static const std::map<std::string, Reference> all = {
        {"copy", {UNARY(a), 0}},
        {"neg", {UNARY(-a), 0}},
        {"abs", {UNARY(std::fabs(a)), 0}},
        {"sign", {UNARY((a > 0) - (a < 0)), 0}},
        {"floor", {UNARY(std::floor(a)), 0}},
        {"ceil", {UNARY(std::ceil(a)), 0}},
        {"round", {UNARY(std::nearbyint(a)), 0}},
        {"trunc", {UNARY(std::trunc(a)), 0}},
        {"sqrt", {UNARY(std::sqrt(a)), 0.51, 0, 9}},
        {"exp", {UNARY(std::exp(a)), 2, -80, 80}},
        {"expm1", {UNARY(std::expm1(a)), 3}},
        {"log", {UNARY(std::log(a)), 2, 1e-6, 100}},
        {"log1p", {UNARY(std::log1p(a)), 3, -0.99, 50}},
        {"sin", {UNARY(std::sin(a)), 3, -1000, 1000}},
        {"cos", {UNARY(std::cos(a)), 3, -1000, 1000}},
        {"tan", {UNARY(std::tan(a)), 5, -1000, 1000}},
        {"asin", {UNARY(std::asin(a)), 4, -1, 1}},
        {"acos", {UNARY(std::acos(a)), 4, -1, 1}},
        {"atan", {UNARY(std::atan(a)), 4, -20, 20}},
        {"tanh", {UNARY(std::tanh(a)), 3}},
        {"sigmoid", {UNARY(1 / (1 + std::exp(-a))), 6, -30, 30}},
        {"silu", {UNARY(a / (1 + std::exp(-a))), 6, -30, 30}},
        {"softplus", {UNARY(a > 0 ? a + std::log1p(std::exp(-a)) : std::log1p(std::exp(a))), 6, -30, 30}},
        {"erf", {UNARY(std::erf(a)), 3}},
        {"relu", {UNARY(a > 0 ? a : 0), 0}},
        {"isnan", {UNARY(truth(a != a)), 0}},
        {"logical_not", {UNARY(truth(a == 0)), 0}},
        {"add", {BINARY(a + b), 0.51}},
        {"sub", {BINARY(a - b), 0.51}},
        {"mul", {BINARY(a * b), 0.51}},
        {"div", {BINARY(a / b), 0.51}},
        {"minimum", {BINARY(std::fmin(a, b)), 0}},
        {"maximum", {BINARY(std::fmax(a, b)), 0}},
        {"pow", {BINARY(std::pow(a, b)), 40, 0.1, 5}},
        {"atan2", {BINARY(std::atan2(a, b)), 4}},
        {"fmod", {BINARY(std::fmod(a, b)), 0}},
        {"lt", {BINARY(truth(a < b)), 0}},
        {"le", {BINARY(truth(a <= b)), 0}},
        {"eq", {BINARY(truth(a == b)), 0}},
        {"ne", {BINARY(truth(a != b)), 0}},
        {"logical_and", {BINARY(truth(a != 0 && b != 0)), 0}},
        {"logical_or", {BINARY(truth(a != 0 || b != 0)), 0}},
        {"where", {[](const std::vector<double>& v) { return v[0] != 0 ? v[1] : v[2]; }, 0}},
        {"fma", {[](const std::vector<double>& v) { return v[0] * v[1] + v[2]; }, 0.51}},
        // Reductions of kInner numbers; their tolerance is counted in ULP of the sum of magnitudes.
        {"sum",
         {[](const std::vector<double>& v) {
              double s = 0;
              for (double x : v) s += x;
              return s;
          },
          3}},
        {"prod",
         {[](const std::vector<double>& v) {
              double p = 1;
              for (double x : v) p *= x;
              return p;
          },
          3, 0.5, 2}},
        {"amax", {[](const std::vector<double>& v) { return *std::max_element(v.begin(), v.end()); }, 0}},
        {"amin", {[](const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); }, 0}},
        {"argmax", {[](const std::vector<double>& v) { return double(std::max_element(v.begin(), v.end()) - v.begin()); }, 0}},
        {"argmin", {[](const std::vector<double>& v) { return double(std::min_element(v.begin(), v.end()) - v.begin()); }, 0}},
    };
    return all;
}

constexpr int kOutputs = 2;
constexpr int kInner = 5;

/// Rows filled with random lanes [0, lanes) and NaN behind them.
class Lanes {
 public:
    Lanes(int rows) : memory_(static_cast<std::size_t>(rows) * kStride) { poison(); }
    void poison() { std::fill_n(memory_.data(), memory_.size(), kNaN); }
    float* row(int slot) { return memory_.data() + static_cast<std::ptrdiff_t>(slot) * kStride; }
    float* data() { return memory_.data(); }
    std::size_t size() const { return memory_.size(); }

 private:
    mbrl::AlignedFloats memory_;
};

/// One instruction over lane rows 0..inputs-1 with `outputs` results, as a Program.
mbrl::Program one_instruction(const std::string& op, const std::vector<int>& list_sizes, int outputs) {
    mbrl::Program program;
    program.name = "test";
    mbrl::Instruction instruction;
    instruction.op = mbrl::find_op(op.c_str());
    int row = 0;
    for (int size : list_sizes) {
        auto& list = instruction.in.emplace_back();
        for (int i = 0; i < size; ++i) list.push_back(row++);
    }
    program.arguments.push_back({"x", row, false, 0});
    for (int i = 0; i < outputs; ++i) instruction.out.push_back(row++);
    program.outputs["y"] = instruction.out;
    program.instructions.push_back(instruction);
    return program;
}

double ulp_of(double value) { return std::ldexp(1.0, std::max(std::ilogb(value), -126) - 23); }

void run(const mbrl::Executor& executor, Lanes& memory, int lanes) {
    const int vector = mbrl::kernels().lanes;
    executor.run(executor.frame(0, nullptr, memory.data(), mbrl::round_up(lanes, vector)));
}

void fill(Lanes& memory, int rows, int lanes, double low, double high, std::mt19937& random) {
    std::uniform_real_distribution<float> number(static_cast<float>(low), static_cast<float>(high));
    memory.poison();
    for (int r = 0; r < rows; ++r)
        for (int lane = 0; lane < lanes; ++lane) memory.row(r)[lane] = number(random);
}

TEST(every_operation_has_a_reference) {
    for (int op = 0; op < mbrl::kernels().op_count; ++op) {
        const std::string name = mbrl::kernels().ops[op].name;
        EXPECT(references().contains(name) || name == "dot" || name == "linear", name);
    }
}

TEST(both_instruction_sets_have_the_same_table) {
    for (int op = 0; op < mbrl::baseline_kernels.op_count; ++op) {
        const auto &one = mbrl::baseline_kernels.ops[op], &other = mbrl::kernels().ops[op];
        EXPECT(std::string(one.name) == other.name && one.kind == other.kind && one.arity == other.arity, one.name);
    }
}

/// Checks one operation for every number of lanes, and that a lane's bits do not depend on how many there are.
void check_operation(const mbrl::OpKernel& op, const Reference& reference) {
    std::mt19937 random(1);
    const bool reduces = op.kind != OpKind::map;
    const int per_output = reduces ? kInner : 1;
    auto program = one_instruction(op.name, std::vector<int>(op.arity, kOutputs * per_output), kOutputs);
    program.finish(nullptr);
    const mbrl::Executor executor(program, kStride);
    Lanes memory(static_cast<int>(executor.lane_floats() / kStride)), alone(static_cast<int>(executor.lane_floats() / kStride));
    const int inputs = op.arity * kOutputs * per_output;
    for (int lanes = 1; lanes <= kMostLanes; ++lanes) {
        fill(memory, inputs, lanes, reference.low, reference.high, random);
        run(executor, memory, lanes);
        alone.poison();
        for (int r = 0; r < inputs; ++r) alone.row(r)[0] = memory.row(r)[lanes - 1];
        run(executor, alone, 1);
        for (int i = 0; i < kOutputs; ++i) {
            const int out = inputs + i;
            EXPECT(std::memcmp(&memory.row(out)[lanes - 1], &alone.row(out)[0], 4) == 0, op.name, " alone and among ", lanes);
            for (int lane = 0; lane < lanes; ++lane) {
                std::vector<double> v;
                double magnitude = 0;
                for (int list = 0; list < op.arity; ++list)
                    for (int k = 0; k < per_output; ++k) v.push_back(memory.row((list * kOutputs + i) * per_output + k)[lane]);
                for (double x : v) magnitude += std::fabs(x);
                const double expected = reference.value(v), got = memory.row(out)[lane];
                const double unit = ulp_of(reduces && std::string(op.name) == "sum" ? magnitude : expected);
                EXPECT(std::fabs(got - expected) <= reference.ulp * unit, op.name, "(", v[0], ", ", v.back(), ") got ", got,
                       ", expected ", expected, ", lane ", lane, " of ", lanes);
            }
        }
    }
}

TEST(maps_and_reductions_agree_with_libm_in_every_lane) {
    for (int index = 0; index < mbrl::kernels().op_count; ++index) {
        const auto& op = mbrl::kernels().ops[index];
        if (!references().contains(op.name)) continue;
        Reference reference = references().at(op.name);
        const std::string name = op.name;
        if (!fused()) {  // the polynomials round twice as often
            if (name == "fma") reference.low = 0;
            if (name == "fma") reference.ulp = 1.1;
            reference.ulp = reference.ulp > 1 ? 2 * reference.ulp : reference.ulp;
            if (name == "pow") reference.ulp = 60;
        }
        check_operation(op, reference);
    }
}

TEST(comparisons_and_selection_meet_equal_and_zero_operands) {
    for (const char* name : {"lt", "le", "eq", "ne", "logical_and", "logical_or", "minimum", "maximum", "where"}) {
        const auto& op = mbrl::kernels().ops[mbrl::find_op(name)];
        auto program = one_instruction(name, std::vector<int>(op.arity, 1), 1);
        program.finish(nullptr);
        const mbrl::Executor executor(program, kStride);
        Lanes memory(op.arity + 1);
        for (int lane = 0; lane < 27; ++lane) {
            memory.row(0)[lane] = static_cast<float>(lane % 3 - 1);
            memory.row(1)[lane] = static_cast<float>(lane / 3 % 3 - 1);
            if (op.arity == 3) memory.row(2)[lane] = static_cast<float>(lane / 9 - 1);
        }
        run(executor, memory, 27);
        for (int lane = 0; lane < 27; ++lane) {
            std::vector<double> v;
            for (int r = 0; r < op.arity; ++r) v.push_back(memory.row(r)[lane]);
            EXPECT(memory.row(op.arity)[lane] == references().at(name).value(v), name, " of ", v[0], " and ", v[1]);
        }
    }
}

TEST(nan_wins_minimum_maximum_and_relu) {
    for (const char* name : {"minimum", "maximum", "amax", "amin", "relu", "sign", "exp", "tanh", "erf", "atan2"}) {
        const auto& op = mbrl::kernels().ops[mbrl::find_op(name)];
        const int inputs = op.kind == OpKind::reduce ? 2 : op.arity;
        auto program =
            op.kind == OpKind::reduce ? one_instruction(name, {2}, 1) : one_instruction(name, std::vector<int>(op.arity, 1), 1);
        program.finish(nullptr);
        const mbrl::Executor executor(program, kStride);
        Lanes memory(inputs + 1);
        for (int lane = 0; lane < inputs; ++lane)
            for (int r = 0; r < inputs; ++r) memory.row(r)[lane] = r == lane ? kNaN : 1.0f;
        run(executor, memory, inputs);
        for (int lane = 0; lane < inputs; ++lane) EXPECT(std::isnan(memory.row(inputs)[lane]), name, " operand ", lane);
    }
}

TEST(sum_and_dot_begin_with_their_start_value) {
    std::mt19937 random(2);
    for (const std::string name : {"sum", "dot"}) {
        const int lists = name == "sum" ? 1 : 2;
        std::vector<int> sizes(lists, kInner);
        sizes.push_back(1);
        auto program = one_instruction(name, sizes, 1);
        program.finish(nullptr);
        const mbrl::Executor executor(program, kStride);
        const int inputs = lists * kInner + 1;
        Lanes memory(inputs + 1);
        for (int lanes = 1; lanes <= kMostLanes; ++lanes) {
            fill(memory, inputs, lanes, -2, 2, random);
            run(executor, memory, lanes);
            for (int lane = 0; lane < lanes; ++lane) {
                double expected = memory.row(inputs - 1)[lane];
                for (int k = 0; k < kInner; ++k)
                    expected += memory.row(k)[lane] * (lists == 2 ? double(memory.row(kInner + k)[lane]) : 1.0);
                EXPECT(std::fabs(memory.row(inputs)[lane] - expected) <= 3e-6, name, " lane ", lane, " of ", lanes);
            }
        }
    }
}

TEST(arguments_of_extrema_are_the_first_of_equals_and_the_first_nan) {
    const float rows[4][3] = {{1, 5, kNaN}, {7, 5, 2}, {7, 2, kNaN}, {3, 2, 9}};
    for (const auto& [name, expected] : std::map<std::string, std::array<float, 3>>{{"argmax", {1, 0, 0}}, {"argmin", {0, 2, 0}}}) {
        auto program = one_instruction(name, {4}, 1);
        program.finish(nullptr);
        const mbrl::Executor executor(program, kStride);
        Lanes memory(5);
        for (int r = 0; r < 4; ++r) std::copy_n(rows[r], 3, memory.row(r));
        run(executor, memory, 3);
        for (int lane = 0; lane < 3; ++lane) EXPECT(memory.row(4)[lane] == expected[lane], name, " lane ", lane);
    }
}

TEST(a_program_reuses_rows_only_after_their_last_reader) {
    // y = ((x+1)·(x+2)) + ((x+3)·(x+4)) with the constants as uniform rows: many short-lived rows.
    mbrl::Program program;
    program.name = "test";
    program.arguments = {{"x", 1, false, 0}, {"c", 4, true, 0}};
    const auto push = [&](const char* op, std::vector<std::vector<int>> in, int out) {
        mbrl::Instruction instruction;
        instruction.op = mbrl::find_op(op);
        instruction.in = std::move(in);
        instruction.out = {out};
        program.instructions.push_back(instruction);
    };
    push("add", {{0}, {1}}, 5);
    push("add", {{0}, {2}}, 6);
    push("mul", {{5}, {6}}, 7);
    push("add", {{0}, {3}}, 8);
    push("add", {{0}, {4}}, 9);
    push("mul", {{8}, {9}}, 10);
    push("add", {{7}, {10}}, 11);
    program.outputs["y"] = {11, 0, 3};  // an output may also be an argument, lane or uniform
    program.finish(nullptr);
    const mbrl::Executor executor(program, kStride);
    Lanes memory(static_cast<int>(executor.lane_floats() / kStride));
    mbrl::AlignedFloats uniforms(executor.uniform_floats());
    const float constants[] = {1, 2, 3, 4};
    executor.write_uniform("c", constants, uniforms.data());
    for (int lane = 0; lane < kMostLanes; ++lane) memory.data()[executor.argument_offset("x") + lane] = static_cast<float>(lane);
    const mbrl::Frame frame = executor.frame(0, uniforms.data(), memory.data(), kStride);
    executor.run(frame);
    float y[3][kStride];
    for (int i = 0; i < 3; ++i) mbrl::read_operand(frame, executor.output("y")[i], y[i], kMostLanes);
    for (int lane = 0; lane < kMostLanes; ++lane) {
        const float x = static_cast<float>(lane);
        EXPECT(y[0][lane] == (x + 1) * (x + 2) + (x + 3) * (x + 4) && y[1][lane] == x && y[2][lane] == 3, "lane ", lane);
    }
    EXPECT(executor.lane_floats() < 8 * std::size_t{kStride}, "rows are not reused");
}

}  // namespace

TEST_MAIN
