// The derivative of every operation: what each operand's cotangent is. One row per operation of the table.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "program/builder.hpp"

namespace mbrl {

/// A cotangent of a row: the row `a`, or the product of the rows `a` and `b`, not yet computed.
struct Term {
    int a;
    int b = -1;
};

/// One instruction, for those of its outputs that have a cotangent.
class Adjoint {
 public:
    Adjoint(Builder& builder, const Instruction& instruction, int index, const std::vector<int>& outputs, Rows cotangents,
            float least_root);

    Value g, o;            // cotangents and results, [outputs]
    std::vector<Value> x;  // operands, [outputs · inner]
    int inner;             // operand rows folded into one output row
    float least_root;

    /// Adds rows, or products of rows, to the cotangents of an operand.
    void add(int operand, const Value& cotangents);
    void add(int operand, const Value& cotangents, const Value& factors);
    /// The same where factors may be infinite or NaN: what has no cotangent gets none.
    void add_guarded(int operand, const Value& cotangents, const Value& factors);
    /// Each row `inner` times, and the k-th of every `inner` rows.
    Value spread(const Value& value) const;
    Value part(const Value& value, int k) const;
    void through_weights();

    Builder& builder() const { return g.builder(); }
    std::vector<std::pair<int, Term>> terms;  // row → what is added to its cotangent

 private:
    void put(const Rows& rows, const Value& a, const Value* b);

    const Instruction& instruction_;
    int index_;
    const std::vector<int>& outputs_;
};

/// Null when there is none.
struct GradientRule {
    std::function<void(Adjoint&)> apply;  // empty: the derivative is 0
};
const GradientRule* gradient_rule(const std::string& operation);

}  // namespace mbrl
