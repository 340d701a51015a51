#include "planners/sampling.hpp"

#include <algorithm>
#include <cmath>

#include "core/check.hpp"
#include "kernels/dispatch.hpp"
#include "planners/noise.hpp"

namespace mbrl {
namespace {

const SamplingSettings& valid(const SamplingSettings& settings) {
    settings.SamplingSettings::validate();
    return settings;
}

/// Of the rollouts: knots that must be expanded are rolled out as one action for each model step.
PlannerSettings rolled_out(const SamplingSettings& settings) {
    PlannerSettings rolled = valid(settings);
    if (settings.interpolation == Interpolation::hold && settings.knot_growth == 1) return rolled;
    rolled.horizon = settings.horizon * settings.steps_per_knot;
    rolled.steps_per_knot = 1;
    return rolled;
}

}  // namespace

SamplingPlanner::SamplingPlanner(const std::shared_ptr<const Problem>& problem, const SamplingSettings& settings, int matter,
                                 int extra)
    : Planner(problem, rolled_out(settings), settings.population,
              {settings.horizon * problem->action_size, settings.keep_elites, extra}),
      returns_(rollout_.padded_population()),
      std_(static_cast<std::size_t>(settings.horizon) * problem->action_size),
      sampling_(settings),
      matter_(matter),
      padded_(rollout_.padded_population()),
      knots_(settings),
      actions_(static_cast<std::size_t>(round_up(elements(), 4)) * padded_),
      order_(settings.population) {
    if (settings.noise_beta > 0) colour_ = coloured_noise_factor(settings.horizon, settings.noise_beta);
    const std::size_t expanded = static_cast<std::size_t>(horizon()) * problem->action_size;
    if (knots_) {
        expanded_ = AlignedFloats(expanded * padded_);
        sequence_.resize(expanded);
    }
    if (settings.action_rate_penalty > 0) {
        penalty_ = RatePenalty(*problem, settings.action_rate_penalty);
        costs_ = AlignedFloats(padded_);
    }
    if (!settings.policy_candidates) return;
    policy_ = std::make_unique<PolicyProposals>(problem, horizon(), steps_per_knot());
    const int own = settings.include_mean + settings.keep_elites;
    check(settings.population >= own + policy_->count(), "population must hold the mean, the kept elites and the policy's ",
          policy_->count(), " candidates, got population=", settings.population);
}

int SamplingPlanner::most_candidates() const {
    return population(0) - sampling_.include_mean - sampling_.keep_elites - (policy_ ? policy_->count() : 0);
}

void SamplingPlanner::begin(Memory& memory, double moved, bool warm) {
    if (warm) {
        shift_knots(memory.mean.data(), moved);
        for (int k = 0; k < memory.kept_count; ++k)
            shift_knots(memory.kept.data() + static_cast<std::ptrdiff_t>(k) * elements(), moved);
    } else {
        fill_middle(memory.mean);
        memory.kept_count = 0;
    }
    const int action_size = problem().action_size;
    for (int e = 0; e < elements(); ++e) std_[e] = static_cast<float>(sampling_.init_std) * half_range()[e % action_size];
    limit_knots(memory.mean.data());
}

void SamplingPlanner::shift_knots(float* knots, double moved) {
    if (!knots_) return shift(knots, moved);
    knots_.expand(knots, sequence_.data(), 1, 1, action_low(), action_high());
    shift(sequence_.data(), moved);
    for (int e = 0; e < elements(); ++e) knots[e] = clip(knots_.read(sequence_.data(), e, problem().action_size), e);
}

/// Limits are for actions: where knots must be expanded, it is what comes of them that keeps to the limits.
void SamplingPlanner::limit_knots(float* knots) {
    if (!knots_) limit_.apply(knots, 1, horizon(), 1);
}

/// The policy's candidates, if they are asked for. Returns whether there was time.
bool SamplingPlanner::propose(const PlanRequest& request) {
    if (!policy_) return true;
    const PolicyProposals::Start start = {
        begins(), before(), request.inputs, action_low().data(), action_high().data(), search_deadline(request)};
    if (!policy_->run(start, rollout_)) return false;
    plan_.model_steps += policy_->model_steps();
    return true;
}

/// A partial iteration does not refit.
bool SamplingPlanner::search(Memory& memory, const PlanRequest& request) {
    draw_ = {&memory, noise_key(sampling_.seed, static_cast<std::uint32_t>(request.stream)), 0, 0, request.candidates};
    if (!propose(request)) return false;
    const Prepare prepare = {[](void* self, int first, int width) { static_cast<SamplingPlanner*>(self)->sample(first, width); },
                             this};
    Budget budget;
    budget.keep = sampling_.prune && !penalty_ ? matter_ : 0;
    budget.deadline = search_deadline(request);
    for (int iteration = 0; iteration < sampling_.iterations; ++iteration) {
        draw_.iteration = static_cast<std::uint32_t>(iteration);
        draw_.population = population(iteration);
        budget.max_tiles = request.max_tiles - plan_.tiles;
        const Progress progress =
            rollout_.run({action_rows(), padded_}, draw_.population, returns_.data(), {nullptr, 0}, budget, prepare);
        plan_.tiles += progress.tiles;
        plan_.model_steps += progress.model_steps;
        for (int n = 0; penalty_ && n < progress.candidates; ++n) returns_[n] -= costs_[n];
        const int best = rank(progress.candidates);
        if (request.trace) trace(request, progress.candidates, best);
        if (best > 0) offer(returns_[order_[0]], action_rows() + order_[0], padded_);
        if (!progress.complete) return false;
        if (best == 0) continue;  // keep the distribution
        refit(memory, best, finite_);
        limit_knots(memory.mean.data());
    }
    return true;
}

const std::vector<float>& SamplingPlanner::chosen(const Memory& memory) {
    return sampling_.returns_best ? Planner::chosen(memory) : expanded(memory.mean);
}

const std::vector<float>& SamplingPlanner::expanded(const std::vector<float>& knots) {
    if (!knots_) return knots;
    knots_.expand(knots.data(), sequence_.data(), 1, 1, action_low(), action_high());
    limit_.apply(sequence_.data(), 1, horizon(), 1);
    return sequence_;
}

void SamplingPlanner::keep(Memory& memory, int count) {
    memory.kept_count = std::min(sampling_.keep_elites, count);
    for (int k = 0; k < memory.kept_count; ++k)
        for (int e = 0; e < elements(); ++e) memory.kept[static_cast<std::size_t>(k) * elements() + e] = row(e)[order_[k]];
}

/// Fills the columns of candidates [first, first + width), on the thread that will roll them out. Candidate slots: the mean,
/// the kept elites, in the first iteration proposals, candidates around the mean, fresh ones from the initial distribution.
void SamplingPlanner::sample(int first, int width) {
    draw_normals(draw_.key, draw_.memory->plans, draw_.iteration, elements(), first, width, actions_.data(), padded_);
    shape_noise(first, width);
    for (int e = 0; e < elements(); ++e) scale_and_clip(e, first, width);
    place_carried(first, width);
    finish(first, width);
}

/// From knots to what is rolled out, and what its changes cost.
void SamplingPlanner::finish(int first, int width) {
    float* actions = action_rows() + first;
    if (knots_) knots_.expand(actions_.data() + first, actions, padded_, width, action_low(), action_high());
    limit_.apply(actions, padded_, horizon(), width);
    if (penalty_) penalty_.measure(actions, padded_, horizon(), width, costs_.data() + first);
}

void SamplingPlanner::shape_noise(int first, int width) {
    if (colour_.empty()) return;
    const int action_size = problem().action_size;
    for (int a = 0; a < action_size; ++a)
        kernels().lower_triangular(row(a) + first, std::int64_t{padded_} * action_size, colour_.data(), knot_count(), width);
}

void SamplingPlanner::to_actions(float* normals, int element, float mean, float std, bool, int width) const {
    const int a = element % problem().action_size;
    kernels().affine_clip(normals, std, mean, action_low()[a], action_high()[a], width);
}

/// Fresh candidates lie at the end, maybe from the middle of a vector on: that one is computed both ways.
void SamplingPlanner::scale_and_clip(int element, int first, int width) {
    const int a = element % problem().action_size, end = first + width, lanes = kernels().lanes;
    const float mean = draw_.memory->mean[element], init = static_cast<float>(sampling_.init_std) * half_range()[a];
    const int fresh = static_cast<int>(sampling_.fresh_fraction * draw_.population);
    const int edge = std::clamp(fresh > 0 ? draw_.population - fresh : end, first, end);
    const int mixed = edge / lanes * lanes, all_fresh = round_up(edge, lanes);
    float* actions = row(element);
    alignas(64) float vector[kLaneGroup];
    if (mixed != all_fresh) std::copy_n(actions + mixed, lanes, vector);
    to_actions(actions + first, element, mean, std_[element], false, all_fresh - first);
    to_actions(actions + all_fresh, element, middle()[a], init, true, end - all_fresh);
    if (mixed == all_fresh) return;
    to_actions(vector, element, middle()[a], init, true, lanes);
    std::copy(vector + (edge - mixed), vector + lanes, actions + edge);
}

void SamplingPlanner::place_carried(int first, int width) {
    const int iteration = static_cast<int>(draw_.iteration), kept = knots_kept(iteration) * problem().action_size;
    int slot = 0;
    const auto place = [&](const float* knots, int count) {
        if (slot >= first && slot < first + width)
            for (int e = 0; e < count; ++e) row(e)[slot] = knots[e];
        ++slot;
    };
    const int size = problem().action_size;
    const auto place_actions = [&](const float* actions) {  // anybody's: what is no number becomes the lower bound
        for (int e = 0; e < elements() && slot >= first && slot < first + width; ++e) {
            const float u = knots_ ? knots_.read(actions, e, size) : actions[e];
            const float low = action_low()[e % size], high = action_high()[e % size];
            row(e)[slot] = !(u > low) ? low : u > high ? high : u;
        }
        ++slot;
    };
    if (mean_rides(iteration)) place(draw_.memory->mean.data(), elements());
    for (int k = 0; k < draw_.memory->kept_count; ++k)
        place(draw_.memory->kept.data() + static_cast<std::ptrdiff_t>(k) * elements(), kept);
    if (draw_.iteration > 0) return;
    for (int k = 0; k < candidate_count_; ++k)
        place_actions(draw_.candidates + static_cast<std::ptrdiff_t>(k) * Planner::elements());
    for (int member = 0; policy_ && member < policy_->count(); ++member) place_actions(policy_->actions(member));
}

/// Puts the best finite candidates first in order_, best first, equal returns by index. Returns how many.
int SamplingPlanner::rank(int candidates) {
    finite_ = 0;
    for (int n = 0; n < candidates; ++n)
        if (std::isfinite(returns_[n])) order_[finite_++] = n;
    const int best = std::min(std::max({matter_, sampling_.keep_elites, 1}), finite_);
    std::partial_sort(order_.begin(), order_.begin() + best, order_.begin() + finite_,
                      [this](int a, int b) { return returns_[a] != returns_[b] ? returns_[a] > returns_[b] : a < b; });
    return best;
}

void SamplingPlanner::trace(const PlanRequest& request, int candidates, int best) {
    TraceIteration& iteration = request.trace->emplace_back();
    iteration.candidates = candidates;
    for (int n = 0; n < candidates; ++n)
        for (int e = 0; e < Planner::elements(); ++e) iteration.actions.push_back(action_rows()[std::int64_t{e} * padded_ + n]);
    iteration.returns.assign(returns_.data(), returns_.data() + candidates);
    iteration.elites.assign(order_.begin(), order_.begin() + best);
    iteration.mean = draw_.memory->mean;
    iteration.std = std_;
}

}  // namespace mbrl
