// Adds instructions behind those of a Program; in the end drops what no output needs. Used while loading, not while planning.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "program/derived.hpp"

namespace mbrl {

using Rows = std::vector<int>;

/// Rows are numbered as in the original Program, new ones from its rows() on; finish() renumbers.
class Builder {
 public:
    explicit Builder(const Program& original);

    const Program& original() const { return original_; }
    /// A row that is the same number always.
    int constant(float value);
    /// A new lane argument; a name that the Program has already is an Error.
    Rows argument(const std::string& name, int size);
    /// Runs an operation row by row (map), or folds each `operands[0].size() / count` neighbours into one of `count` rows.
    Rows run(const char* op, std::vector<Rows> operands, std::size_t count);
    Rows map(const char* op, std::vector<Rows> operands) {
        const std::size_t count = operands[0].size();
        return run(op, std::move(operands), count);
    }
    /// Cotangents of some outputs of a linear, through its weights, to some of its inputs.
    Rows through_weights(int instruction, const Rows& cotangents, std::vector<int> outputs, std::vector<int> inputs);

    std::unique_ptr<DerivedProgram> finish(const std::string& name, std::map<std::string, Rows> outputs);

 private:
    struct Item {
        Instruction instruction;
        WeightSource source;
        bool prologue = false;
    };
    int add_row(RowLevel level);
    void prune(const std::map<std::string, Rows>& outputs);
    void keep_rows(Item& item, const std::vector<char>& live) const;
    bool uniform(const Instruction& instruction) const;
    std::vector<int> numbers(Program& program) const;

    const Program& original_;
    std::vector<Item> items_;
    std::vector<RowLevel> levels_;
    std::vector<float> constants_;
    std::vector<int> constant_rows_;
    std::vector<Argument> arguments_;
};

/// Rows with arithmetic on them: `a * b + 1` adds the instructions. Numbers spread over all rows.
class Value {
 public:
    Value(Builder& builder, Rows rows) : builder_(&builder), rows_(std::move(rows)) {}

    const Rows& rows() const { return rows_; }
    std::size_t size() const { return rows_.size(); }
    Builder& builder() const { return *builder_; }
    Value number(float x) const { return {*builder_, Rows(size(), builder_->constant(x))}; }
    Value map(const char* op) const { return {*builder_, builder_->map(op, {rows_})}; }
    Value map(const char* op, const Value& other) const { return {*builder_, builder_->map(op, {rows_, other.rows_})}; }
    /// This where the condition holds (is not 0), the other elsewhere.
    Value where(const Value& condition, const Value& other) const {
        return {*builder_, builder_->map("where", {condition.rows_, rows_, other.rows_})};
    }
    Value where(const Value& condition) const { return where(condition, number(0)); }

    Value operator-() const { return map("neg"); }
    friend Value operator+(const Value& a, const Value& b) { return a.map("add", b); }
    friend Value operator-(const Value& a, const Value& b) { return a.map("sub", b); }
    friend Value operator*(const Value& a, const Value& b) { return a.map("mul", b); }
    friend Value operator/(const Value& a, const Value& b) { return a.map("div", b); }
    friend Value operator+(const Value& a, float b) { return a + a.number(b); }
    friend Value operator-(const Value& a, float b) { return a - a.number(b); }
    friend Value operator*(const Value& a, float b) { return a * a.number(b); }
    friend Value operator-(float a, const Value& b) { return b.number(a) - b; }
    friend Value operator/(float a, const Value& b) { return b.number(a) / b; }

 private:
    Builder* builder_;
    Rows rows_;
};

}  // namespace mbrl
