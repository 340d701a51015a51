// What a planner remembers: its streams between plans, the decision just asked for, and the actions on their way to it.
#include <algorithm>

#include "core/check.hpp"
#include "planners/planner.hpp"

namespace mbrl {

void Planner::reserve_streams(int streams) {
    while (this->streams() < streams) {
        Memory& memory = streams_.emplace_back();
        memory.mean.resize(remembers_.mean);
        memory.answer.resize(elements_);
        memory.kept.resize(static_cast<std::size_t>(remembers_.kept) * remembers_.mean);
        memory.committed.resize(committed_.size());
        memory.extra.resize(remembers_.extra);
    }
}

void Planner::reset() {
    for (int stream = 0; stream < streams(); ++stream) reset_stream(stream);
}

void Planner::reset_stream(int stream) {
    streams_[stream].plans = 0;
    streams_[stream].kept_count = 0;
    streams_[stream].delay = 0;
    std::fill(streams_[stream].extra.begin(), streams_[stream].extra.end(), 0.0f);
}

void Planner::set_memory(int stream, Memory memory) {
    reserve_streams(stream + 1);
    check(memory.mean.size() == streams_[stream].mean.size() && memory.answer.size() == streams_[stream].answer.size() &&
              memory.kept.size() == streams_[stream].kept.size() && memory.kept_count >= 0 &&
              memory.kept_count <= remembers_.kept && memory.extra.size() == streams_[stream].extra.size(),
          "planner memory must fit the settings, got a mean of ", memory.mean.size(), " and kept elites of ", memory.kept.size(),
          " numbers");
    check(memory.delay >= 0 && memory.delay <= kMostDelay, "planner memory must have a delay of 0..", kMostDelay,
          " model steps, got ", memory.delay);
    memory.committed.resize(committed_.size());
    streams_[stream] = std::move(memory);
}

/// Copies into memory that is there already: the caller's arrays may change after the plan.
void Planner::record(const Memory& memory, const PlanRequest& request) {
    Decision& d = decision_;
    d.made = true;
    d.has_previous_action = request.previous_action != nullptr;
    d.stream = request.stream;
    d.elapsed = request.elapsed;
    d.delay = request.delay;
    d.weights = rollout_.weights_version();
    d.temperature = request.temperature;
    d.has_action_low = request.action_low != nullptr;
    d.has_action_high = request.action_high != nullptr;
    if (d.has_action_low) std::copy_n(request.action_low, d.action_low.size(), d.action_low.begin());
    if (d.has_action_high) std::copy_n(request.action_high, d.action_high.size(), d.action_high.begin());
    const int room = std::min(static_cast<int>(d.candidates.capacity() / elements_), most_candidates());
    candidate_count_ = std::clamp(request.candidate_count, 0, room);
    d.candidates.assign(request.candidates, request.candidates + static_cast<std::ptrdiff_t>(candidate_count_) * elements_);
    std::copy_n(request.state, d.state.size(), d.state.begin());
    if (request.previous_action) std::copy_n(request.previous_action, d.previous_action.size(), d.previous_action.begin());
    for (std::size_t i = 0; i < d.inputs.size(); ++i) std::copy_n(request.inputs[i], d.inputs[i].size(), d.inputs[i].begin());
    d.before = memory;
}

/// Which actions are on their way while the plan is made.
void Planner::commit(const Memory& memory, const PlanRequest& request) {
    const int size = problem().action_size, rows = committed_rows(request.delay);
    for (int i = 0; i < rows; ++i) {
        const double end = request.delay - (rows - 1 - i), begin = std::max(end - 1, 0.0);  // from the state on
        const float* command = request.committed         ? request.committed + i * size
                               : memory.plans > 0        ? command_at(memory, request.elapsed + 0.5 * (begin + end))
                               : request.previous_action ? request.previous_action
                                                         : mid_.data();
        std::copy_n(command, size, committed_.begin() + i * size);
    }
    if (rows > 0) std::copy_n(committed_.begin(), rows * size, decision_.committed.begin());
}

/// What this stream's own plans say for `time` model steps after its last state: what was on its way then, and then the last plan.
const float* Planner::command_at(const Memory& memory, double time) const {
    const int size = problem().action_size, rows = committed_rows(memory.delay);
    const double left = memory.delay - time;
    if (left > 0) return memory.committed.data() + std::max(rows - 1 - static_cast<int>(left), 0) * size;
    const int knot = static_cast<int>(std::min(-left / steps_per_knot(), horizon() - 1.0));
    return memory.answer.data() + knot * size;
}

}  // namespace mbrl
