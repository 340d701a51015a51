// One of a Problem's programs, or one made from them, placed for tiles: with a block of uniform rows for each member.
#pragma once

#include <vector>

#include "problem/particles.hpp"
#include "problem/problem.hpp"
#include "program/executor.hpp"

namespace mbrl {

/// Copies of the run-time inputs of one plan, in the order of Problem::inputs: [size], per-step inputs [steps, size].
class HeldInputs {
 public:
    HeldInputs(const Problem& problem, int steps);
    /// Returns whether they are others than last time, by their bits.
    bool load(const InputValues& inputs);
    const float* values(std::size_t input) const { return values_[input].data(); }

 private:
    std::vector<std::vector<float>> values_;
};

class PlacedProgram {
 public:
    PlacedProgram(const Problem& problem, const Program& program, int stride);

    const Executor& executor() const { return executor_; }
    Executor& executor() { return executor_; }
    const Program& program() const { return program_; }
    /// With these weights from now on, null for the program's own; prepare() must follow.
    void use(const WeightSet* weights);
    /// Writes the inputs, and constants where weights are new; runs the prologues.
    void prepare(const HeldInputs& inputs);
    Frame frame(int member, float* lanes, int width) const;
    /// Offset of a lane argument in lane memory, -1 when the program does not use it.
    int state = -1, action = -1, previous_action = -1, time = -1, noise = -1;
    /// Writes what is the same for all of `width` lanes: the time and the per-step inputs of a model step.
    void load_step(const HeldInputs& inputs, int step, float* lanes, int first_lane, int width) const;
    /// Likewise the noise of a particle, where there is any: models run at their means else.
    void load_noise(const Particles& particles, int particle, int step, float* lanes, int width) const;

 private:
    const Problem& problem_;
    const Program& program_;
    Executor executor_;
    AlignedFloats uniforms_;  // one block per member
    bool constants_written_ = false;
    std::vector<int> per_step_at_;  // lane offset of each per-step input, -1 otherwise
};

}  // namespace mbrl
