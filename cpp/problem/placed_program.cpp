#include "problem/placed_program.hpp"

#include <algorithm>
#include <cstring>

#include "core/denormals.hpp"

namespace mbrl {

HeldInputs::HeldInputs(const Problem& problem, int steps) {
    for (const auto& input : problem.inputs)
        values_.emplace_back(static_cast<std::size_t>(input.size()) * (input.per_step ? steps : 1));
}

bool HeldInputs::load(const InputValues& inputs) {
    bool changed = false;
    for (std::size_t i = 0; i < values_.size(); ++i) {
        const std::size_t bytes = values_[i].size() * sizeof(float);
        if (bytes == 0 || std::memcmp(values_[i].data(), inputs[i], bytes) == 0) continue;
        std::memcpy(values_[i].data(), inputs[i], bytes);
        changed = true;
    }
    return changed;
}

PlacedProgram::PlacedProgram(const Problem& problem, const Program& program, int stride)
    : state(-1),
      problem_(problem),
      program_(program),
      executor_(program, stride),
      uniforms_(executor_.uniform_floats() * static_cast<std::size_t>(problem.members)) {
    state = executor_.argument_offset("state");
    action = executor_.argument_offset("action");
    previous_action = executor_.argument_offset("previous_action");
    time = executor_.argument_offset("time");
    noise = executor_.argument_offset("noise");
    for (const auto& input : problem.inputs) per_step_at_.push_back(input.per_step ? executor_.argument_offset(input.name) : -1);
}

void PlacedProgram::use(const WeightSet* weights) {
    constants_written_ = false;
    executor_.use(weights ? *weights->programs.at(program_.name) : *program_.weights());
}

void PlacedProgram::prepare(const HeldInputs& inputs) {
    const FlushDenormals flush;
    for (int member = 0; member < problem_.members; ++member) {
        const int weights = std::min(member, program_.members - 1);
        float* block = uniforms_.data() + executor_.uniform_floats() * static_cast<std::size_t>(member);
        if (!constants_written_) executor_.write_constants(weights, block);
        for (std::size_t i = 0; i < problem_.inputs.size(); ++i)
            executor_.write_uniform(problem_.inputs[i].name, inputs.values(i), block);
        executor_.run_prologue(weights, block);
    }
    constants_written_ = true;
}

Frame PlacedProgram::frame(int member, float* lanes, int width) const {
    return executor_.frame(std::min(member, program_.members - 1),
                           uniforms_.data() + executor_.uniform_floats() * static_cast<std::size_t>(member), lanes, width);
}

void PlacedProgram::load_step(const HeldInputs& inputs, int step, float* lanes, int first_lane, int width) const {
    const int stride = executor_.stride();
    if (time >= 0) std::fill_n(lanes + time + first_lane, width, static_cast<float>(step * problem_.dt));
    for (std::size_t k = 0; k < per_step_at_.size(); ++k) {
        if (per_step_at_[k] < 0) continue;
        const int size = problem_.inputs[k].size();
        for (int i = 0; i < size; ++i)
            std::fill_n(lanes + per_step_at_[k] + static_cast<std::ptrdiff_t>(i) * stride + first_lane, width,
                        inputs.values(k)[static_cast<std::size_t>(step) * size + i]);
    }
}

void PlacedProgram::load_noise(const Particles& particles, int particle, int step, float* lanes, int width) const {
    if (noise < 0 || !particles.noisy()) return;
    for (int i = 0; i < problem_.state_size; ++i)
        std::fill_n(lanes + noise + static_cast<std::ptrdiff_t>(i) * executor_.stride(), width, particles.noise(particle, step, i));
}

}  // namespace mbrl
