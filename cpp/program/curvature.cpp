// Gauss-Newton: which rows a cost depends on in a curved way, and how curved.
#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "kernels/dispatch.hpp"
#include "program/gradient.hpp"
#include "program/reverse.hpp"

namespace mbrl {
namespace {

/// A function of one row: c is the cost's derivative with respect to its result o. Returns c times its second derivative.
using Second = std::function<Value(const Value& c, const Value& x, const Value& o, float smoothing)>;

const std::map<std::string, Second>& seconds() {
    using V = const Value&;
    static const std::map<std::string, Second> table = {
        // Above |z| lies the parabola z²/(2|z₀|) + |z₀|/2; above −|z| its tangent.
        {"abs", [](V c, V x, V, float s) { return c.map("maximum", c.number(0)) / x.map("abs").map("maximum", x.number(s)); }},
        {"sqrt", [](V c, V, V o, float s) {
             const Value root = o.map("maximum", o.number(s));
             return c * -0.25f / (root * root * root);
         }},
        {"exp", [](V c, V, V o, float) { return c * o; }},
        {"expm1", [](V c, V, V o, float) { return c * (o + 1); }},
        {"log", [](V c, V x, V, float) { return -c / (x * x); }},
        {"log1p", [](V c, V x, V, float) { return -c / ((x + 1) * (x + 1)); }},
        {"sin", [](V c, V, V o, float) { return -c * o; }},
        {"cos", [](V c, V, V o, float) { return -c * o; }},
        {"tan", [](V c, V, V o, float) { return c * 2.0f * o * (o * o + 1); }},
        {"atan", [](V c, V x, V, float) {
             const Value q = x * x + 1;
             return c * -2.0f * x / (q * q);
         }},
        {"tanh", [](V c, V, V o, float) { return c * -2.0f * o * (1.0f - o) * (o + 1); }},
        {"sigmoid", [](V c, V, V o, float) { return c * o * (1.0f - o) * (1.0f - o * 2.0f); }},
        {"softplus", [](V c, V x, V, float) {
             const Value s = x.map("sigmoid");
             return c * s * (1.0f - s);
         }},
        {"silu", [](V c, V x, V, float) {
             const Value s = x.map("sigmoid");
             return c * s * (1.0f - s) * (x * (1.0f - s * 2.0f) + 2);
         }},
        {"erf", [](V c, V x, V, float) { return c * -2.25675833f * x * (-(x * x)).map("exp"); }},
        {"asin", [](V c, V x, V, float s) {
             const Value root = ((1.0f - x) * (x + 1)).map("sqrt").map("maximum", x.number(s));
             return c * x / (root * root * root);
         }},
        {"acos", [](V c, V x, V, float s) {
             const Value root = ((1.0f - x) * (x + 1)).map("sqrt").map("maximum", x.number(s));
             return -c * x / (root * root * root);
         }},
    };
    return table;
}

/// One curved dependence: output `output` of an instruction on the row z.
struct Residual {
    int instruction, output, z;
    int other = -1;       // the second operand: of pow, and of a product the one that is `scale` times z, if not z itself
    int numerator = -1;   // of a fraction
};

class Curvature {
 public:
    Curvature(const Program& program, const CurvatureRequest& request)
        : program_(program),
          request_(request),
          builder_(program),
          reverse_(builder_, request.arguments, request.smoothing) {}

    std::unique_ptr<DerivedProgram> build() {
        const auto objective = program_.outputs.find(request_.objective), through = program_.outputs.find(request_.through);
        if (through != program_.outputs.end()) reverse_.seed(cotangent_of(request_.through), through->second);
        if (objective != program_.outputs.end()) {
            reverse_.seed(cotangent_of(request_.objective), objective->second);
            find(objective->second, through == program_.outputs.end() ? Rows{} : through->second);
        }
        Rows z;
        for (const Residual& residual : residuals_) z.push_back(residual.z);
        reverse_.seed(cotangent_of(kResidual), z);
        factors_.assign(residuals_.size(), builder_.constant(0));
        reverse_.visit = [&](int instruction, const std::vector<int>& outputs, const Value& cotangents) {
            visit(instruction, outputs, cotangents);
        };
        reverse_.run();
        auto outputs = reverse_.gradients();
        outputs[kCurvature] = factors_;
        if (objective != program_.outputs.end()) outputs[request_.objective] = objective->second;
        return builder_.finish(request_.name, std::move(outputs));
    }

 private:
    /// The residuals among what the objective is computed from, not looking behind the rows that count as linear.
    void find(const Rows& objective, const Rows& through) {
        std::vector<char> reached(program_.rows());
        const std::set<int> stop(through.begin(), through.end());
        for (int row : objective) reached[row] = 1;
        for (int i = static_cast<int>(program_.instructions.size()) - 1; i >= program_.prologue; --i) {
            const Instruction& instruction = program_.instructions[i];
            const bool linear = kernels().ops[instruction.op].kind == OpKind::linear;
            for (std::size_t r = 0; r < instruction.out.size(); ++r) {
                const int out = instruction.out[r];
                if (!reached[out] || stop.contains(out) || !reverse_.depends(out)) continue;
                find_in(i, static_cast<int>(r));
                for (const Rows& list : instruction.in) {
                    const std::size_t each = linear ? list.size() : list.size() / instruction.out.size();
                    for (std::size_t k = 0; k < each; ++k) reached[list[linear ? k : r * each + k]] = 1;
                }
            }
        }
    }

    void find_in(int index, int output) {
        const Instruction& instruction = program_.instructions[index];
        const std::string op = kernels().ops[instruction.op].name;
        const auto operand = [&](int list, int k = 0) { return instruction.in[list][output * instruction.inner() + k]; };
        const auto depends = [&](int row) { return reverse_.depends(row); };
        if (op == "mul" || op == "fma" || op == "dot") {
            for (int k = 0; k < instruction.inner(); ++k) find_product(index, output, operand(0, k), operand(1, k));
        } else if (op == "pow") {
            if (depends(operand(0)) && !depends(operand(1))) residuals_.push_back({index, output, operand(0), operand(1)});
        } else if (op == "div") {
            if (depends(operand(1)) && !depends(operand(0))) residuals_.push_back({index, output, operand(1), -1, operand(0)});
        } else if (seconds().contains(op) && depends(operand(0))) {
            residuals_.push_back({index, output, operand(0)});
        }
    }

    /// A square, or a row times a multiple of itself.
    void find_product(int index, int output, int a, int b) {
        if (!reverse_.depends(a) || !reverse_.depends(b)) return;
        if (a == b)
            residuals_.push_back({index, output, a});
        else if (const int scale = multiple(a, b); scale >= 0)
            residuals_.push_back({index, output, b, scale});
        else if (const int other = multiple(b, a); other >= 0)
            residuals_.push_back({index, output, a, other});
    }

    /// The row s of an instruction a = s·z with an s that does not depend on the arguments, −1 if a is none.
    int multiple(int a, int z) {
        for (const Instruction& instruction : program_.instructions) {
            const auto at = std::find(instruction.out.begin(), instruction.out.end(), a);
            if (at == instruction.out.end()) continue;
            const std::string op = kernels().ops[instruction.op].name;
            const auto i = static_cast<std::size_t>(at - instruction.out.begin());
            if (op == "neg" && instruction.in[0][i] == z) return builder_.constant(-1);
            if (op != "mul") return -1;
            const int x = instruction.in[0][i], y = instruction.in[1][i];
            if (y == z && !reverse_.depends(x)) return x;
            if (x == z && !reverse_.depends(y)) return y;
            return -1;
        }
        return -1;
    }

    void visit(int index, const std::vector<int>& outputs, const Value& cotangents) {
        std::vector<std::size_t> which;
        Rows lambda, z, o;
        for (std::size_t n = 0; n < residuals_.size(); ++n) {
            if (residuals_[n].instruction != index) continue;
            const auto at = std::find(outputs.begin(), outputs.end(), residuals_[n].output);
            if (at == outputs.end()) continue;
            which.push_back(n);
            lambda.push_back(cotangents.rows()[at - outputs.begin()]);
            z.push_back(residuals_[n].z);
            o.push_back(program_.instructions[index].out[residuals_[n].output]);
        }
        if (which.empty()) return;
        const Value cost = -Value(builder_, lambda);
        const Value curved = second(index, which, cost, {builder_, z}, {builder_, o});
        const Value factor = curved.map("maximum", curved.number(0));
        for (std::size_t i = 0; i < which.size(); ++i) factors_[which[i]] = factor.rows()[i];
    }

    Value second(int index, const std::vector<std::size_t>& which, const Value& c, const Value& z, const Value& o) {
        const std::string op = kernels().ops[program_.instructions[index].op].name;
        const auto others = [&](int Residual::* member, float otherwise) {
            Rows rows;
            for (std::size_t n : which)
                rows.push_back(residuals_[n].*member >= 0 ? residuals_[n].*member : builder_.constant(otherwise));
            return Value(builder_, rows);
        };
        if (op == "mul" || op == "fma" || op == "dot") return c * 2.0f * others(&Residual::other, 1);
        if (op == "div") return c * 2.0f * others(&Residual::numerator, 0) / (z * z * z);
        if (op == "pow") {
            const Value p = others(&Residual::other, 0), least = z.number(request_.smoothing);
            const Value away = least.where(z.map("abs").map("lt", least), z);
            return c * p * (p - 1) * away.map("pow", p - 2);
        }
        return seconds().at(op)(c, z, o, request_.smoothing);
    }

    const Program& program_;
    const CurvatureRequest& request_;
    Builder builder_;
    Reverse reverse_;
    std::vector<Residual> residuals_;
    Rows factors_;
};

}  // namespace

std::unique_ptr<DerivedProgram> curvature(const Program& program, const CurvatureRequest& request) {
    return Curvature(program, request).build();
}

}  // namespace mbrl
