#include "planners/lead.hpp"

#include <algorithm>

namespace mbrl {

Lead::Lead(std::shared_ptr<const Problem> problem)
    : rollout_(problem, {1, kMostDelay, 1, 1}, std::make_shared<ThreadPool>(1)),
      state_(problem->state_size),
      held_(problem->state_size),
      inputs_(problem->inputs.size()),
      per_step_(problem->inputs.size()),
      actions_(static_cast<std::size_t>(kMostDelay) * problem->action_size * kLaneGroup),
      states_(static_cast<std::size_t>(kMostDelay + 1) * problem->state_size * kLaneGroup),
      returns_(kLaneGroup) {
    for (std::size_t i = 0; i < inputs_.size(); ++i)
        if (problem->inputs[i].per_step) per_step_[i].resize(static_cast<std::size_t>(problem->inputs[i].size()) * kMostDelay);
}

bool Lead::run(const PlanRequest& request, const float* committed, const Rollout& planner) {
    const Problem& problem = rollout_.problem();
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
        inputs_[i] = request.inputs[i];
        if (!problem.inputs[i].per_step) continue;
        const int size = problem.inputs[i].size();
        for (int step = 0; step < kMostDelay; ++step) std::copy_n(request.inputs[i], size, per_step_[i].begin() + step * size);
        inputs_[i] = per_step_[i].data();
    }
    rollout_.share_weights(planner);
    std::copy_n(request.state, state_.size(), state_.begin());
    int rows = committed_rows(request.delay);
    const float part = static_cast<float>(request.delay - (rows - 1));
    rollout_.start(state_.data(), request.previous_action, inputs_, false);
    if (part < 1) {
        held_ = state_;
        if (!roll(committed, 1, request.deadline)) return false;
        for (std::size_t i = 0; i < state_.size(); ++i) state_[i] = held_[i] + part * (state_[i] - held_[i]);
        rollout_.start(state_.data(), committed, inputs_, false);
        committed += problem.action_size;
        rows -= 1;
    }
    return rows == 0 || roll(committed, rows, request.deadline);
}

/// From where the rollout was started to state_.
bool Lead::roll(const float* committed, int steps, std::int64_t deadline) {
    const int size = static_cast<int>(state_.size()), elements = steps * rollout_.problem().action_size;
    for (int e = 0; e < elements; ++e) std::fill_n(actions_.data() + std::ptrdiff_t{e} * kLaneGroup, kLaneGroup, committed[e]);
    std::fill_n(states_.data(), static_cast<std::size_t>(steps + 1) * size * kLaneGroup, 0.0f);
    Budget budget;
    budget.deadline = deadline;
    budget.steps = steps;
    const Progress progress = rollout_.run({actions_.data(), kLaneGroup}, 1, returns_.data(), {states_.data(), kLaneGroup}, budget);
    const float* last = states_.data() + static_cast<std::ptrdiff_t>(steps) * size * kLaneGroup;
    for (int i = 0; i < size; ++i) state_[i] = last[std::ptrdiff_t{i} * kLaneGroup];
    return progress.complete;
}

}  // namespace mbrl
