// What a rollout begins with: weights, inputs, and what follows from them for all candidates.
#include <algorithm>
#include <cstring>
#include <utility>

#include "core/denormals.hpp"
#include "problem/rollout.hpp"

namespace mbrl {

void Rollout::take_weights() {
    if (problem_->weights.take(version_, weights_)) use_weights();
}

void Rollout::share_weights(const Rollout& other) {
    if (version_ == other.version_) return;
    weights_ = other.weights_;
    version_ = other.version_;
    use_weights();
}

void Rollout::use_weights() {
    for (Executor* executor : {step_.get(), terminal_.get()})
        if (executor) executor->use(weights_ ? *weights_->programs.at(executor->program().name) : *executor->program().weights());
    constants_written_ = prologues_ran_ = false;
    bound_rewards();
}

void Rollout::start(const float* state, const float* previous_action, const InputValues& inputs, bool take_newer) {
    if (take_newer) take_weights();
    start_rows_ = {nullptr, 0};
    std::copy_n(state, state_.size(), state_.begin());
    for (std::size_t a = 0; a < previous_action_.size(); ++a) previous_action_[a] = previous_action ? previous_action[a] : 0.0f;
    if (load_inputs(inputs) || !prologues_ran_) run_prologues();
}

/// Returns whether they are others than last time, by their bits.
bool Rollout::load_inputs(const InputValues& inputs) {
    bool changed = false;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        std::vector<float>& held = input_values_[i];
        const std::size_t bytes = held.size() * sizeof(float);
        if (bytes == 0 || std::memcmp(held.data(), inputs[i], bytes) == 0) continue;
        std::memcpy(held.data(), inputs[i], bytes);
        changed = true;
    }
    return changed;
}

void Rollout::run_prologues() {
    const FlushDenormals flush;
    for (const auto& [executor, uniforms] : {std::pair{step_.get(), &step_uniforms_}, {terminal_.get(), &terminal_uniforms_}}) {
        if (!executor) continue;
        for (int member = 0; member < problem_->members; ++member) {
            const int weights = std::min(member, executor->program().members - 1);
            float* block = uniforms->data() + executor->uniform_floats() * member;
            if (!constants_written_) executor->write_constants(weights, block);
            for (std::size_t i = 0; i < input_values_.size(); ++i)
                executor->write_uniform(problem_->inputs[i].name, input_values_[i].data(), block);
            executor->run_prologue(weights, block);
        }
    }
    constants_written_ = prologues_ran_ = true;
}

}  // namespace mbrl
