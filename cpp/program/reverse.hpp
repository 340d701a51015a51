// The reverse pass itself: cotangents of rows are collected as terms, summed when their instruction's turn comes.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "program/gradient_rules.hpp"

namespace mbrl {

class Reverse {
 public:
    /// With respect to these lane arguments, empty: all.
    Reverse(Builder& builder, const std::vector<std::string>& arguments, float least_root);

    /// Whether the row depends on the arguments in question, other than by steps.
    bool depends(int row) const { return depends_[row]; }
    /// Adds an argument, the cotangent of these rows.
    void seed(const std::string& name, const Rows& rows);
    /// Called for every instruction with the cotangents of its outputs, by position; not for those that have none.
    std::function<void(int instruction, const std::vector<int>& outputs, const Value& cotangents)> visit;
    void run();
    /// The gradient of each argument; 0 where nothing depends on it.
    std::map<std::string, Rows> gradients();

 private:
    void apply(int index);
    /// Cotangents of those rows that have some, and the positions of these.
    std::pair<std::vector<int>, Rows> totals(const Rows& rows);
    Rows sum(const std::vector<const std::vector<Term>*>& terms, std::size_t plain, std::size_t products);

    Builder& builder_;
    const Program& program_;
    std::vector<const Argument*> wanted_;
    float least_root_;
    std::vector<char> depends_;
    std::vector<std::vector<Term>> terms_;  // of each row of the original
};

}  // namespace mbrl
