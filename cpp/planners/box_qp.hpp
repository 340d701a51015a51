// A small quadratic program with bounds: the step that iLQR takes in the actions of one knot.
#pragma once

#include <vector>

namespace mbrl {

/// min ½·xᵀHx + gᵀx with low ≤ x ≤ high, H positive definite: projected Newton (Bertsekas 1982; as in Tassa, Mansard & Todorov
/// 2014, §III-D, who show that it is exact for control limits). Allocates at construction only.
class BoxQP {
 public:
    explicit BoxQP(int size);

    /// Starts from x = 0 moved into the bounds. Returns whether H was positive definite on the free dimensions.
    bool solve(const double* hessian, const double* gradient, const double* low, const double* high);

    const std::vector<double>& x() const { return x_; }
    /// Whether dimension i lies between its bounds at the solution.
    bool free(int i) const { return free_[i]; }
    /// Of the free dimensions: solves H_ff·y = rhs_f in place; the others become 0. `stride` between the entries of rhs.
    void solve_free(double* rhs, int stride) const;

 private:
    bool factorise(const double* hessian);
    double value(const double* hessian, const double* gradient, const std::vector<double>& x) const;
    bool step(const double* hessian, const double* gradient, const double* low, const double* high);

    int size_;
    std::vector<double> x_, slope_, newton_, trial_;
    std::vector<double> factor_;  // Cholesky of H_ff, rows and columns of `index_`
    std::vector<int> index_;      // the free dimensions
    std::vector<char> free_;
};

}  // namespace mbrl
