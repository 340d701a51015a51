#include "program/gradient_rules.hpp"

#include <map>
#include <numeric>

#include "kernels/dispatch.hpp"

namespace mbrl {
namespace {

/// The rows of a list that belong to some of the outputs.
Rows rows_of(const Rows& list, const std::vector<int>& outputs, std::size_t count) {
    const std::size_t each = list.size() / count;
    Rows rows;
    for (int i : outputs) rows.insert(rows.end(), list.begin() + i * each, list.begin() + (i + 1) * each);
    return rows;
}

}  // namespace

Adjoint::Adjoint(Builder& builder, const Instruction& instruction, int index, const std::vector<int>& outputs, Rows cotangents,
                 float root)
    : g(builder, std::move(cotangents)),
      o(builder, rows_of(instruction.out, outputs, instruction.out.size())),
      inner(instruction.inner()),
      least_root(root),
      instruction_(instruction),
      index_(index),
      outputs_(outputs) {
    if (kernels().ops[instruction.op].kind == OpKind::linear) return;  // all of its outputs share the operands
    for (const Rows& list : instruction.in) x.push_back({builder, rows_of(list, outputs, instruction.out.size())});
}

void Adjoint::put(const Rows& rows, const Value& a, const Value* b) {
    for (std::size_t i = 0; i < rows.size(); ++i) terms.push_back({rows[i], {a.rows()[i], b ? b->rows()[i] : -1}});
}
void Adjoint::add(int operand, const Value& cotangents) { put(x[operand].rows(), cotangents, nullptr); }
void Adjoint::add(int operand, const Value& cotangents, const Value& factors) { put(x[operand].rows(), cotangents, &factors); }
void Adjoint::add_guarded(int operand, const Value& cotangents, const Value& factors) {
    add(operand, (cotangents * factors).where(cotangents));
}

Value Adjoint::spread(const Value& value) const {
    Rows rows;
    for (int row : value.rows()) rows.insert(rows.end(), inner, row);
    return {builder(), std::move(rows)};
}

Value Adjoint::part(const Value& value, int k) const {
    Rows rows;
    for (std::size_t i = k; i < value.size(); i += inner) rows.push_back(value.rows()[i]);
    return {builder(), std::move(rows)};
}

void Adjoint::through_weights() {
    const Value passed = instruction_.relu ? g.where(o) : g;
    std::vector<int> inputs(instruction_.in[0].size());
    std::iota(inputs.begin(), inputs.end(), 0);
    put(instruction_.in[0], {builder(), builder().through_weights(index_, passed.rows(), outputs_, inputs)}, nullptr);
}

namespace {

Value fold(const char* op, const Value& rows, std::size_t count) { return {rows.builder(), rows.builder().run(op, {rows.rows()}, count)}; }

/// The larger (or smaller) operand, `x[0]` where `wins`, gets all of the cotangent; of two equal ones each gets half.
void choose(Adjoint& v, const Value& wins) {
    const Value equal = v.x[0].map("eq", v.x[1]), half = v.g * 0.5f;
    v.add(0, half.where(equal, v.g.where(wins)));
    v.add(1, half.where(equal, v.g.number(0).where(wins, v.g)));
}

void choose_among(Adjoint& v) {
    const Value equal = v.x[0].map("eq", v.spread(v.o));
    const Value share = v.g / fold("sum", equal, v.g.size());
    v.add(0, v.spread(share).where(equal));
}

/// Each factor gets the product of those before it and those behind it: right where one of them is 0, too.
void product(Adjoint& v) {
    std::vector<Value> before{v.g}, behind{v.g.number(1)};
    for (int k = 0; k + 1 < v.inner; ++k) before.push_back(before.back() * v.part(v.x[0], k));
    for (int k = v.inner - 1; k > 0; --k) behind.push_back(behind.back() * v.part(v.x[0], k));
    Rows a(v.x[0].size()), b = a;
    for (int k = 0; k < v.inner; ++k)
        for (std::size_t i = 0; i < v.g.size(); ++i) {
            a[i * v.inner + k] = before[k].rows()[i];
            b[i * v.inner + k] = behind[v.inner - 1 - k].rows()[i];
        }
    v.add(0, {v.builder(), std::move(a)}, {v.builder(), std::move(b)});
}

void power(Adjoint& v) {
    const Value &x = v.x[0], &y = v.x[1];
    v.add_guarded(0, v.g, (y * x.map("pow", y - 1)).where(y));  // x^0 is flat, at 0 too
    v.add_guarded(1, v.g, (v.o * x.map("log")).where(x));
}

void angle(Adjoint& v) {
    const Value &y = v.x[0], &x = v.x[1];
    const Value square = x * x + y * y;
    const Value scaled = (v.g / square).where(square);  // 0 at the origin
    v.add(0, scaled, x);
    v.add(1, scaled, -y);
}

void dot(Adjoint& v) {
    const Value g = v.spread(v.g);
    v.add(0, g, v.x[1]);
    v.add(1, g, v.x[0]);
    if (v.x.size() > 2) v.add(2, v.g);
}

void sum(Adjoint& v) {
    v.add(0, v.spread(v.g));
    if (v.x.size() > 1) v.add(1, v.g);
}

void divide(Adjoint& v) {
    v.add_guarded(0, v.g, 1.0f / v.x[1]);
    v.add_guarded(1, v.g, -(v.o / v.x[1]));
}

void silu(Adjoint& v) {
    const Value s = v.x[0].map("sigmoid");
    v.add(0, v.g, s + v.o * (1.0f - s));
}

/// 1 − x²
Value beside(const Value& x) { return (1.0f - x) * (x + 1); }

const std::map<std::string, GradientRule>& rules() {
    static const std::map<std::string, GradientRule> table = {
        {"copy", {[](Adjoint& v) { v.add(0, v.g); }}},
        {"neg", {[](Adjoint& v) { v.add(0, -v.g); }}},
        {"abs", {[](Adjoint& v) { v.add(0, v.g, v.x[0].map("sign")); }}},
        {"sqrt", {[](Adjoint& v) { v.add_guarded(0, v.g, 0.5f / v.o.map("maximum", v.o.number(v.least_root))); }}},
        {"exp", {[](Adjoint& v) { v.add_guarded(0, v.g, v.o); }}},
        {"expm1", {[](Adjoint& v) { v.add_guarded(0, v.g, v.o + 1); }}},
        {"log", {[](Adjoint& v) { v.add_guarded(0, v.g, 1.0f / v.x[0]); }}},
        {"log1p", {[](Adjoint& v) { v.add_guarded(0, v.g, 1.0f / (v.x[0] + 1)); }}},
        {"sin", {[](Adjoint& v) { v.add_guarded(0, v.g, v.x[0].map("cos")); }}},
        {"cos", {[](Adjoint& v) { v.add_guarded(0, -v.g, v.x[0].map("sin")); }}},
        {"tan", {[](Adjoint& v) { v.add_guarded(0, v.g, v.o * v.o + 1); }}},
        {"asin", {[](Adjoint& v) { v.add_guarded(0, v.g, 1.0f / beside(v.x[0]).map("sqrt")); }}},
        {"acos", {[](Adjoint& v) { v.add_guarded(0, -v.g, 1.0f / beside(v.x[0]).map("sqrt")); }}},
        {"atan", {[](Adjoint& v) { v.add(0, v.g, 1.0f / (v.x[0] * v.x[0] + 1)); }}},
        {"tanh", {[](Adjoint& v) { v.add(0, v.g, beside(v.o)); }}},
        {"sigmoid", {[](Adjoint& v) { v.add(0, v.g, v.o * (1.0f - v.o)); }}},
        {"silu", {&silu}},
        {"softplus", {[](Adjoint& v) { v.add(0, v.g, v.x[0].map("sigmoid")); }}},
        {"erf", {[](Adjoint& v) { v.add(0, v.g, (-(v.x[0] * v.x[0])).map("exp") * 1.12837917f); }}},  // 2/√π
        {"relu", {[](Adjoint& v) { v.add(0, v.g.where(v.o)); }}},
        {"add", {[](Adjoint& v) { v.add(0, v.g), v.add(1, v.g); }}},
        {"sub", {[](Adjoint& v) { v.add(0, v.g), v.add(1, -v.g); }}},
        {"mul", {[](Adjoint& v) { v.add(0, v.g, v.x[1]), v.add(1, v.g, v.x[0]); }}},
        {"div", {&divide}},
        {"minimum", {[](Adjoint& v) { choose(v, v.x[0].map("lt", v.x[1])); }}},
        {"maximum", {[](Adjoint& v) { choose(v, v.x[1].map("lt", v.x[0])); }}},
        {"pow", {&power}},
        {"atan2", {&angle}},
        {"fmod", {[](Adjoint& v) { v.add(0, v.g), v.add_guarded(1, -v.g, (v.x[0] / v.x[1]).map("trunc")); }}},
        {"where", {[](Adjoint& v) { v.add(1, v.g.where(v.x[0])), v.add(2, v.g.number(0).where(v.x[0], v.g)); }}},
        {"fma", {[](Adjoint& v) { v.add(0, v.g, v.x[1]), v.add(1, v.g, v.x[0]), v.add(2, v.g); }}},
        {"sum", {&sum}},
        {"prod", {&product}},
        {"amax", {&choose_among}},
        {"amin", {&choose_among}},
        {"dot", {&dot}},
        {"linear", {[](Adjoint& v) { v.through_weights(); }}},
    };
    return table;
}

/// Steps: flat wherever they have a derivative.
constexpr const char* kFlat[] = {"sign", "floor", "ceil", "round", "trunc",       "isnan",      "logical_not", "lt",
                                 "le",   "eq",    "ne",   "argmax", "argmin", "logical_and", "logical_or"};

}  // namespace

const GradientRule* gradient_rule(const std::string& operation) {
    static const GradientRule flat;
    for (const char* name : kFlat)
        if (operation == name) return &flat;
    const auto found = rules().find(operation);
    return found == rules().end() ? nullptr : &found->second;
}

}  // namespace mbrl
