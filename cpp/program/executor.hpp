// Executor: a Program with every row placed in memory, ready to run on tiles. Shared by all threads.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "program/program.hpp"

namespace mbrl {

class Executor {
 public:
    /// `stride`: floats between lane rows, a multiple of kLaneGroup; tiles may use any width up to it.
    Executor(const Program& program, int stride);
    Executor(const Executor&) = delete;  // Steps point into the lists below
    Executor& operator=(const Executor&) = delete;

    const Program& program() const { return *program_; }
    int stride() const { return stride_; }
    /// Floats of lane memory that one tile needs, and of uniform memory that one member needs.
    std::size_t lane_floats() const { return static_cast<std::size_t>(slots_) * stride_; }
    std::size_t uniform_floats() const {
        return static_cast<std::size_t>(program_->uniform_rows() + uniform_scratch_) * kLaneGroup;
    }

    /// From now on with these weights, which must fit and outlive their use; not while another thread runs.
    void use(const Weights& weights) { weights_ = &weights; }
    /// Writes the member's constants into its block of uniform rows.
    void write_constants(int member, float* uniforms) const;
    /// Writes a uniform argument (an unknown name is ignored: the Program does not use it).
    void write_uniform(const std::string& argument, const float* values, float* uniforms) const;
    /// Computes the uniform rows that depend on run-time inputs only.
    void run_prologue(int member, float* uniforms) const;

    /// Offset in lane memory of a lane argument's first row, -1 when the Program does not use it.
    int argument_offset(const std::string& argument) const;
    /// Operands of an output, empty when the Program has none of that name.
    const std::vector<Operand>& output(const std::string& name) const;

    Frame frame(int member, const float* uniforms, float* lanes, int width) const {
        return {lanes, uniforms, program_->packed_weights(*weights_, member), width, stride_};
    }
    void run(const Frame& frame) const {
        for (const auto& step : steps_) step.run(frame, step.step);
    }

    /// From now on `feed_back` copies an output to an argument of the same size, e.g. next_state to state.
    void set_feedback(const std::string& output, const std::string& argument);
    void feed_back(const Frame& frame) const {
        for (const auto& step : feedback_) step.run(frame, step.step);
    }

 private:
    struct Resolved {
        Kernel run;
        Step step;
    };
    void place_rows();
    void resolve(int index);
    Resolved copy(std::vector<Operand> from, int to);
    bool side_by_side(int index) const;
    int reusable_run(int index, const std::vector<int>& last_use) const;
    Operand operand(int row) const;
    Operand place(int row, bool prologue) const;

    const Program* program_;
    const Weights* weights_;
    int stride_;
    int slots_ = 0;
    int uniform_scratch_ = 0;                         // uniform rows in which the prologue gathers
    std::vector<int> slot_;                           // lane row → slot
    std::map<int, int> gather_slots_;                 // linear whose inputs are scattered → slots to gather them in
    std::deque<std::vector<Operand>> operand_lists_;  // node-stable: Steps point to them
    std::vector<Resolved> prologue_, steps_, feedback_;
    std::map<std::string, std::vector<Operand>> outputs_;
};

/// Copies the value of an operand for lanes [0, width) to `to`.
void read_operand(const Frame& frame, Operand operand, float* to, int width);

}  // namespace mbrl
