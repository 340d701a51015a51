// A Program made from another one: with instructions added behind its own, and weights that follow the original's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "program/program.hpp"

namespace mbrl {

/// Which numbers of which linear of the original a linear of the derived Program multiplies with.
struct WeightSource {
    int instruction = -1;        // of the original Program; -1: this is no linear
    bool transposed = false;     // out and in are then inputs and outputs of the original; the biases are zero
    std::vector<int> out, in;    // positions among the original's outputs and inputs
};

/// Keeps to the original Program's members, arguments, constants and inputs. Constants of its own come behind the original's.
class DerivedProgram {
 public:
    DerivedProgram(const Program& original, Program program, std::vector<WeightSource> sources, std::vector<float> constants);
    DerivedProgram(const DerivedProgram&) = delete;  // executors point to the Program
    DerivedProgram& operator=(const DerivedProgram&) = delete;

    const Program& program() const { return program_; }
    const Program& original() const { return *original_; }
    /// The weights that follow from weights of the original.
    std::shared_ptr<const Weights> weights(const Weights& original) const;

 private:
    float weight(const Weights& weights, int member, const WeightSource& source, int out, int in) const;
    Tensor constants(const Weights& weights) const;

    const Program* original_;
    Program program_;
    std::vector<WeightSource> sources_;  // of each instruction
    std::vector<float> constants_;
};

}  // namespace mbrl
