// A Problem: dynamics (one or more members), reward, terminal value, termination, bounds and time step, as in one file.
#pragma once

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "problem/weights.hpp"
#include "program/derived.hpp"

namespace mbrl {

/// A named run-time array: changes on every call without a re-export.
struct Input {
    std::string name;
    std::vector<int> shape;  // of one value; per_step inputs have one such value per model step
    bool per_step = false;
    int size() const;
};

/// One candidate's value per run-time input, in the order of Problem::inputs: [size], per-step inputs [steps, size].
using InputValues = std::vector<const float*>;

struct Problem {
    int state_size = 0;
    int action_size = 0;
    double dt = 0;  // seconds per model step
    int members = 1;
    std::vector<float> action_low, action_high;  // [action_size]
    std::vector<Input> inputs;
    std::map<std::string, Program> programs;  // "step" always; "terminal_value", "observe", "policy" when exported
    std::map<std::string, Tensor> test_vectors;
    std::string graph;                                                // the JSON text, for whoever wants to look
    WeightSlot weights;                                               // newer ones than the programs'
    mutable std::mutex assigning;                                     // one assign_weights at a time; planners do not take it
    double declared_bound = std::numeric_limits<double>::infinity();  // of the reward, as the file says
    Bounds bounds;                                                    // under the programs' weights
    mutable std::map<std::string, std::unique_ptr<DerivedProgram>> derived_programs;  // see derived()

    const Program& program(const std::string& name) const;  // throws Error when there is none
    const Program* find_program(const std::string& name) const;
    const Input* find_input(const std::string& name) const;
    /// Takes the weights of a Problem with the same graph, and shares their memory; planners on this Problem use them from their
    /// next plan on, and may be planning meanwhile. Returns the version (WeightSlot). Throws Error.
    std::uint64_t assign_weights(const Problem& other);
    /// The newest weights of every program.
    std::shared_ptr<const WeightSet> newest_weights() const;
    /// A Program made from one of these, by its name; made on first use, then kept. Its weights are in every later generation.
    const DerivedProgram& derived(const std::string& name, const std::function<std::unique_ptr<DerivedProgram>()>& make) const;
    /// The newest generation, with the weights of all derived Programs so far; null for the file's.
    std::shared_ptr<const WeightSet> weights_with_derived(std::uint64_t* version = nullptr) const;
    /// Checks sizes, bounds and that the programs fit together. Throws Error.
    void validate() const;
    /// Derives the bounds of reward and terminal value from the Programs' weights and the actions' bounds.
    void derive_bounds();
};

}  // namespace mbrl
