// Reverse mode as a transformation of Programs: the adjoint of a Program is a Program of the same operations, so it runs on
// tiles, with every instruction set, and gives the same bits everywhere, as any other.
//
// Conventions where a derivative does not exist: relu'(0) = 0, |x|'(0) = 0; equal operands of minimum, maximum, amax and amin
// share evenly; floor, round, comparisons, sign, argmax have derivative 0. √0 has the slope 1 / (2·least_root), not infinity.
// A cotangent that is 0 stays 0 where a derivative is not finite, as in `where(x > 0, sqrt(x), 0)`: torch gives NaN there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "program/derived.hpp"

namespace mbrl {

struct AdjointRequest {
    std::string name;                    // of the new Program
    std::vector<std::string> outputs;    // each gets a lane argument for its cotangent; the Program may lack some
    std::vector<std::string> arguments;  // with respect to these lane arguments; empty: all; the Program may lack some
    float least_root = 1e-18f;           // a square root counts as at least this where it is divided by
};

/// Names of the argument and the output that belong to an output and an argument of the original.
inline std::string cotangent_of(const std::string& output) { return "cotangent of " + output; }
inline std::string gradient_of(const std::string& argument) { return "gradient of " + argument; }

/// The Program that computes, for cotangents of outputs, the gradient of Σ cotangent·output. Its arguments are those of the
/// original and the cotangents. The original must outlive it.
std::unique_ptr<DerivedProgram> adjoint(const Program& program, const AdjointRequest& request);

/// What a Gauss-Newton model of one scalar output needs.
struct CurvatureRequest {
    std::string name;                    // of the new Program
    std::string objective;               // the output, a single row, whose negative is the cost
    std::string through;                 // an output that counts as linear: the dynamics' next state; "" for none
    std::vector<std::string> arguments;  // as above
    float smoothing = 1e-3f;             // |z| and √q count as at least this where they are divided by
};

inline constexpr const char* kResidual = "residual";
inline constexpr const char* kCurvature = "curvature";

/// The adjoint of objective, `through` and the residuals zₙ: rows of the Program on which the cost depends in a curved way. The
/// output "curvature" [residuals], valid in a lane whose only cotangent is 1 for the objective, holds factors cₙ ≥ 0, so that
/// Σ cₙ·∇zₙ∇zₙᵀ is a positive semidefinite model of the cost's second derivative: of convex functions their own, of |z| the
/// parabola's that lies above it, of concave functions and of products of different rows none.
std::unique_ptr<DerivedProgram> curvature(const Program& program, const CurvatureRequest& request);

/// Whether there is a rule for the derivative of the operation, be it that it is 0.
bool has_gradient(const std::string& operation);

}  // namespace mbrl
