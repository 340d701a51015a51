#include "planners/sampling.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/dispatch.hpp"
#include "planners/noise.hpp"

namespace mbrl {
namespace {

const SamplingSettings& valid(const SamplingSettings& settings) {
    settings.SamplingSettings::validate();
    return settings;
}

}  // namespace

SamplingPlanner::SamplingPlanner(const std::shared_ptr<const Problem>& problem, const SamplingSettings& settings, int matter,
                                 int extra)
    : Planner(problem, valid(settings), settings.population,
              {settings.horizon * problem->action_size, settings.keep_elites, extra}),
      returns_(rollout_.padded_population()),
      std_(elements()),
      sampling_(settings),
      matter_(matter),
      padded_(rollout_.padded_population()),
      actions_(static_cast<std::size_t>(round_up(elements(), 4)) * padded_),
      order_(settings.population) {
    if (settings.noise_beta > 0) colour_ = coloured_noise_factor(settings.horizon, settings.noise_beta);
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

/// A partial iteration does not refit.
bool SamplingPlanner::search(Memory& memory, const PlanRequest& request) {
    draw_ = {&memory, noise_key(sampling_.seed, static_cast<std::uint32_t>(request.stream))};
    const Prepare prepare = {[](void* self, int first, int width) { static_cast<SamplingPlanner*>(self)->sample(first, width); },
                             this};
    Budget budget;
    budget.keep = sampling_.prune ? matter_ : 0;
    budget.deadline = search_deadline(request);
    for (int iteration = 0; iteration < sampling_.iterations; ++iteration) {
        draw_.iteration = static_cast<std::uint32_t>(iteration);
        draw_.population = population(iteration);
        budget.max_tiles = request.max_tiles - plan_.tiles;
        const Progress progress =
            rollout_.run({actions_.data(), padded_}, draw_.population, returns_.data(), {nullptr, 0}, budget, prepare);
        plan_.tiles += progress.tiles;
        plan_.model_steps += progress.model_steps;
        const int best = rank(progress.candidates);
        if (request.trace) trace(request, progress.candidates, best);
        if (best > 0) offer(returns_[order_[0]], row(0) + order_[0], padded_);
        if (!progress.complete) return false;
        if (best > 0) refit(memory, best, finite_);  // else keep the distribution
    }
    return true;
}

const std::vector<float>& SamplingPlanner::chosen(const Memory& memory) {
    return sampling_.returns_best ? Planner::chosen(memory) : expanded(memory.mean);
}

void SamplingPlanner::keep(Memory& memory, int count) {
    memory.kept_count = std::min(sampling_.keep_elites, count);
    for (int k = 0; k < memory.kept_count; ++k)
        for (int e = 0; e < elements(); ++e) memory.kept[static_cast<std::size_t>(k) * elements() + e] = row(e)[order_[k]];
}

/// Fills the columns of candidates [first, first + width), on the thread that will roll them out. Candidate slots: the mean,
/// the kept elites, candidates around the mean, fresh ones from the initial distribution.
void SamplingPlanner::sample(int first, int width) {
    draw_normals(draw_.key, draw_.memory->plans, draw_.iteration, elements(), first, width, actions_.data(), padded_);
    shape_noise(first, width);
    for (int e = 0; e < elements(); ++e) scale_and_clip(e, first, width);
    place_carried(first, width);
    limit_.apply(actions_.data() + first, padded_, horizon(), width);
}

void SamplingPlanner::shape_noise(int first, int width) {
    if (colour_.empty()) return;
    const int action_size = problem().action_size;
    for (int a = 0; a < action_size; ++a)
        kernels().lower_triangular(row(a) + first, std::int64_t{padded_} * action_size, colour_.data(), horizon(), width);
}

/// Fresh candidates lie at the end, maybe from the middle of a vector on: that one is computed both ways.
void SamplingPlanner::scale_and_clip(int element, int first, int width) {
    const KernelTable& table = kernels();
    const Problem& p = problem();
    const int a = element % p.action_size, end = first + width;
    const float mean = draw_.memory->mean[element], init = static_cast<float>(sampling_.init_std) * half_range()[a];
    const float low = p.action_low[a], high = p.action_high[a];
    const int fresh = static_cast<int>(sampling_.fresh_fraction * draw_.population);
    const int edge = std::clamp(fresh > 0 ? draw_.population - fresh : end, first, end);
    const int mixed = edge / table.lanes * table.lanes, all_fresh = round_up(edge, table.lanes);
    float* actions = row(element);
    alignas(64) float vector[kLaneGroup];
    if (mixed != all_fresh) std::copy_n(actions + mixed, table.lanes, vector);
    table.affine_clip(actions + first, std_[element], mean, low, high, all_fresh - first);
    table.affine_clip(actions + all_fresh, init, middle()[a], low, high, end - all_fresh);
    if (mixed == all_fresh) return;
    table.affine_clip(vector, init, middle()[a], low, high, table.lanes);
    std::copy(vector + (edge - mixed), vector + table.lanes, actions + edge);
}

void SamplingPlanner::place_carried(int first, int width) {
    const int iteration = static_cast<int>(draw_.iteration), kept = knots_kept(iteration) * problem().action_size;
    int slot = 0;
    const auto place = [&](const float* actions, int count) {
        if (slot >= first && slot < first + width)
            for (int e = 0; e < count; ++e) row(e)[slot] = actions[e];
        ++slot;
    };
    if (mean_rides(iteration)) place(draw_.memory->mean.data(), elements());
    for (int k = 0; k < draw_.memory->kept_count; ++k)
        place(draw_.memory->kept.data() + static_cast<std::ptrdiff_t>(k) * elements(), kept);
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
        for (int e = 0; e < elements(); ++e) iteration.actions.push_back(row(e)[n]);
    iteration.returns.assign(returns_.data(), returns_.data() + candidates);
    iteration.elites.assign(order_.begin(), order_.begin() + best);
    iteration.mean = draw_.memory->mean;
    iteration.std = std_;
}

}  // namespace mbrl
