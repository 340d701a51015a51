// The distribution of CEM: candidates drawn from it, elites that it is refitted on.
#include <algorithm>
#include <cmath>

#include "kernels/dispatch.hpp"
#include "planners/cem.hpp"
#include "planners/noise.hpp"

namespace mbrl {

/// Fills the columns of candidates [first, first + width), on the thread that will roll them out. Candidate slots: the mean,
/// the kept elites, candidates around the mean, fresh ones from the initial distribution.
void CEM::sample(int first, int width) {
    const int action_size = problem().action_size;
    draw_normals(draw_.key, draw_.memory->plans, draw_.iteration, elements_, first, width, actions_.data(), padded_);
    if (!colour_.empty())
        for (int a = 0; a < action_size; ++a)
            kernels().lower_triangular(row(a) + first, std::int64_t{padded_} * action_size, colour_.data(), settings_.horizon,
                                       width);
    for (int e = 0; e < elements_; ++e) scale_and_clip(e, first, width);
    place_carried(first, width);
    limit_.apply(actions_.data() + first, padded_, settings_.horizon, width);
}

/// Fresh candidates lie at the end, maybe from the middle of a vector on: that one is computed both ways.
void CEM::scale_and_clip(int element, int first, int width) {
    const KernelTable& table = kernels();
    const Problem& p = problem();
    const int a = element % p.action_size, end = first + width;
    const float low = p.action_low[a], high = p.action_high[a], init = static_cast<float>(settings_.init_std) * half_[a];
    const int fresh = static_cast<int>(settings_.fresh_fraction * settings_.population);
    const int edge = std::clamp(fresh > 0 ? settings_.population - fresh : end, first, end);
    const int mixed = edge / table.lanes * table.lanes, all_fresh = round_up(edge, table.lanes);
    float* actions = row(element);
    alignas(64) float vector[kLaneGroup];
    if (mixed != all_fresh) std::copy_n(actions + mixed, table.lanes, vector);
    table.affine_clip(actions + first, std_[element], draw_.memory->mean[element], low, high, all_fresh - first);
    table.affine_clip(actions + all_fresh, init, mid_[a], low, high, end - all_fresh);
    if (mixed == all_fresh) return;
    table.affine_clip(vector, init, mid_[a], low, high, table.lanes);
    std::copy(vector + (edge - mixed), vector + table.lanes, actions + edge);
}

void CEM::place_carried(int first, int width) {
    int slot = 0;
    const auto place = [&](const float* actions) {
        if (slot >= first && slot < first + width)
            for (int e = 0; e < elements_; ++e) row(e)[slot] = actions[e];
        ++slot;
    };
    if (settings_.include_mean) place(draw_.memory->mean.data());
    for (int k = 0; k < draw_.memory->kept_count; ++k)
        place(draw_.memory->kept.data() + static_cast<std::ptrdiff_t>(k) * elements_);
}

/// Puts the best finite candidates first in order_, best first, equal returns by index. Returns how many.
int CEM::select_elites(int candidates) {
    int finite = 0;
    for (int n = 0; n < candidates; ++n)
        if (std::isfinite(returns_[n])) order_[finite++] = n;
    const int elites = std::min(settings_.elites, finite);
    std::partial_sort(order_.begin(), order_.begin() + elites, order_.begin() + finite,
                      [this](int a, int b) { return returns_[a] != returns_[b] ? returns_[a] > returns_[b] : a < b; });
    return elites;
}

void CEM::refit(Memory& memory, int elites) {
    if (elites == 0) return;  // keep mean and std
    const float old = static_cast<float>(settings_.momentum), share = 1.0f - old;
    for (int e = 0; e < elements_; ++e) {
        const float* values = row(e);
        float sum = 0, squares = 0;
        for (int k = 0; k < elites; ++k) sum += values[order_[k]];
        const float mean = sum / static_cast<float>(elites);
        for (int k = 0; k < elites; ++k) squares += (values[order_[k]] - mean) * (values[order_[k]] - mean);
        const float spread = std::sqrt(squares / static_cast<float>(elites));
        const float least = static_cast<float>(settings_.min_std) * half_[e % problem().action_size];
        memory.mean[e] = clip(old * memory.mean[e] + share * mean, e);
        std_[e] = std::max(old * std_[e] + share * spread, least);
    }
    limit_.apply(memory.mean.data(), 1, settings_.horizon, 1);
    memory.kept_count = std::min(settings_.keep_elites, elites);
    for (int k = 0; k < memory.kept_count; ++k)
        for (int e = 0; e < elements_; ++e) memory.kept[static_cast<std::size_t>(k) * elements_ + e] = row(e)[order_[k]];
}

void CEM::remember_best(int elites) {
    if (elites == 0 || !(returns_[order_[0]] > best_return_)) return;
    any_finite_ = true;
    best_return_ = returns_[order_[0]];
    for (int e = 0; e < elements_; ++e) best_[e] = row(e)[order_[0]];
}

}  // namespace mbrl
