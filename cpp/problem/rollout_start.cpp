// What a rollout begins with: weights, inputs, and what follows from them for all candidates.
#include <algorithm>

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
    for (PlacedProgram* program : {step_.get(), terminal_.get()})
        if (program) program->use(weights_.get());
    prepared_ = false;
    bound_rewards();
}

void Rollout::start(const float* state, const float* previous_action, const InputValues& inputs, bool take_newer) {
    if (take_newer) take_weights();
    start_rows_ = {nullptr, 0};
    std::copy_n(state, state_.size(), state_.begin());
    for (std::size_t a = 0; a < previous_action_.size(); ++a) previous_action_[a] = previous_action ? previous_action[a] : 0.0f;
    if (!inputs_.load(inputs) && prepared_) return;
    for (PlacedProgram* program : {step_.get(), terminal_.get()})
        if (program) program->prepare(inputs_);
    prepared_ = true;
}

}  // namespace mbrl
