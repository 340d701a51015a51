#include "planners/cem.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.hpp"
#include "core/denormals.hpp"
#include "kernels/dispatch.hpp"
#include "planners/noise.hpp"

namespace mbrl {
namespace {

bool in_unit_interval(double x) { return x >= 0 && x <= 1; }

RolloutShape shape_of(const CEMSettings& s) {
    s.validate();
    return {s.population, s.horizon, s.steps_per_knot, s.discount};
}

}  // namespace

void CEMSettings::validate() const {
    check(horizon >= 1, "horizon must be >= 1, got ", horizon);
    check(steps_per_knot >= 1, "steps_per_knot must be >= 1, got ", steps_per_knot);
    check(population >= 1, "population must be >= 1, got ", population);
    check(elites >= 1, "elites must be >= 1, got ", elites);
    check(population >= elites, "population must be >= elites, got population=", population, ", elites=", elites);
    check(iterations >= 1, "iterations must be >= 1, got ", iterations);
    check(std::isfinite(init_std) && init_std > 0, "init_std must be > 0 and finite, got ", init_std);
    check(std::isfinite(min_std) && min_std >= 0, "min_std must be >= 0 and finite, got ", min_std);
    check(momentum >= 0 && momentum < 1, "momentum must be in [0, 1), got ", momentum);
    check(discount > 0 && discount <= 1, "discount must be in (0, 1], got ", discount);
    check(keep_elites >= 0 && keep_elites <= elites, "keep_elites must be in 0..elites, got keep_elites=", keep_elites,
          ", elites=", elites);
    check(in_unit_interval(fresh_fraction), "fresh_fraction must be in [0, 1], got ", fresh_fraction);
    const int fresh = static_cast<int>(fresh_fraction * population);
    check(keep_elites + include_mean + fresh <= population,
          "population must hold the mean, the kept elites and the fresh candidates, got population=", population,
          ", include_mean=", int(include_mean), ", keep_elites=", keep_elites, ", fresh=", fresh);
    check(noise_beta >= 0 && noise_beta <= 10, "noise_beta must be in [0, 10], got ", noise_beta);
    check(threads >= 1 && threads <= 1024, "threads must be in 1..1024, got ", threads);
    check(std::int64_t{horizon} * steps_per_knot <= 1000000, "horizon * steps_per_knot must be <= 1000000, got ",
          std::int64_t{horizon} * steps_per_knot);
    check(population <= 10000000, "population must be <= 10000000, got ", population);
}

CEM::CEM(std::shared_ptr<const Problem> problem, CEMSettings settings)
    : settings_(settings),
      pool_(std::make_shared<ThreadPool>((settings.validate(), settings.threads))),
      rollout_(std::move(problem), shape_of(settings), pool_) {
    const Problem& p = rollout_.problem();
    check(p.program("step").outputs.contains("reward"), "planning needs a reward: export the problem with one");
    elements_ = settings_.horizon * p.action_size;
    padded_ = rollout_.padded_population();
    for (int a = 0; a < p.action_size; ++a) {
        mid_.push_back(0.5f * p.action_low[a] + 0.5f * p.action_high[a]);  // halves first: the sum may overflow
        half_.push_back(0.5f * p.action_high[a] - 0.5f * p.action_low[a]);
    }
    if (settings_.noise_beta > 0) colour_ = coloured_noise_factor(settings_.horizon, settings_.noise_beta);
    const std::int64_t element_rows = round_up(elements_, 4);
    actions_ = AlignedFloats(static_cast<std::size_t>(element_rows * padded_));
    returns_ = AlignedFloats(padded_);
    states_ = AlignedFloats(static_cast<std::size_t>(rollout_.shape().steps() + 1) * p.state_size * kLaneGroup);
    order_.resize(settings_.population);
    std_.resize(elements_);
    best_.resize(elements_);
    plan_.actions.resize(elements_);
    plan_.states.resize(static_cast<std::size_t>(rollout_.shape().steps() + 1) * p.state_size);
    reserve_streams(1);
}

void CEM::reserve_streams(int streams) {
    while (this->streams() < streams) {
        Memory& memory = streams_.emplace_back();
        memory.mean.resize(elements_);
        memory.kept.resize(static_cast<std::size_t>(settings_.keep_elites) * elements_);
    }
}

void CEM::reset() {
    for (int stream = 0; stream < streams(); ++stream) reset_stream(stream);
}

void CEM::reset_stream(int stream) {
    streams_[stream].plans = 0;
    streams_[stream].kept_count = 0;
}

void CEM::set_memory(int stream, Memory memory) {
    reserve_streams(stream + 1);
    check(memory.mean.size() == streams_[stream].mean.size() && memory.kept.size() == streams_[stream].kept.size() &&
              memory.kept_count >= 0 && memory.kept_count <= settings_.keep_elites,
          "planner memory must fit the settings, got a mean of ", memory.mean.size(), " and kept elites of ", memory.kept.size(),
          " numbers");
    streams_[stream] = std::move(memory);
}

const Plan& CEM::plan(const float* state, const float* previous_action, const InputValues& inputs, double elapsed, int stream) {
    const FlushDenormals flush;
    Memory& memory = streams_[stream];
    rollout_.start(state, previous_action, inputs);
    begin(memory, elapsed);
    for (int iteration = 0; iteration < settings_.iterations; ++iteration) {
        sample(memory, iteration, stream);
        rollout_.run({actions_.data(), padded_}, settings_.population, returns_.data());
        refit(memory, select_elites());
    }
    evaluate_answer(memory);
    memory.plans += 1;
    return plan_;
}

/// An average of actions may leave the bounds by one rounding.
float CEM::clip(float action, int element) const {
    const Problem& p = problem();
    return std::clamp(action, p.action_low[element % p.action_size], p.action_high[element % p.action_size]);
}

/// Moves held knots by `elapsed` model steps: each new knot is the time average of what the old plan does then.
void CEM::shift(float* actions, double elapsed) {
    const int action_size = problem().action_size, last = settings_.horizon - 1;
    const double knots = elapsed / settings_.steps_per_knot;
    const int whole = static_cast<int>(std::min<double>(std::floor(knots), settings_.horizon));
    const float part = static_cast<float>(knots - std::floor(knots));
    for (int h = 0; h <= last; ++h) {
        const float* before = actions + std::min(h + whole, last) * action_size;
        const float* after = actions + std::min(h + whole + 1, last) * action_size;
        // Reads lie at or after h: in place is safe.
        for (int a = 0; a < action_size; ++a) actions[h * action_size + a] = clip(before[a] + part * (after[a] - before[a]), a);
    }
}

void CEM::begin(Memory& memory, double elapsed) {
    const int action_size = problem().action_size;
    if (settings_.warm_start && memory.plans > 0) {
        shift(memory.mean.data(), elapsed);
        for (int k = 0; k < memory.kept_count; ++k) shift(memory.kept.data() + static_cast<std::ptrdiff_t>(k) * elements_, elapsed);
    } else {
        for (int e = 0; e < elements_; ++e) memory.mean[e] = mid_[e % action_size];
        memory.kept_count = 0;
    }
    for (int e = 0; e < elements_; ++e) std_[e] = static_cast<float>(settings_.init_std) * half_[e % action_size];
    best_return_ = -std::numeric_limits<float>::infinity();
    any_finite_ = false;
}

/// Candidate slots: the mean, the kept elites, candidates around the mean, fresh ones from the initial distribution.
void CEM::sample(const Memory& memory, int iteration, int stream) {
    const Problem& p = problem();
    const KernelTable& table = kernels();
    draw_normals(noise_key(settings_.seed, static_cast<std::uint32_t>(stream)), memory.plans, static_cast<std::uint32_t>(iteration),
                 elements_, padded_, actions_.data(), padded_);
    if (!colour_.empty())
        for (int a = 0; a < p.action_size; ++a)
            table.lower_triangular(row(a), std::int64_t{padded_} * p.action_size, colour_.data(), settings_.horizon, padded_);
    const int fresh = static_cast<int>(settings_.fresh_fraction * settings_.population);
    for (int e = 0; e < elements_; ++e) {
        const int a = e % p.action_size;
        const float init = static_cast<float>(settings_.init_std) * half_[a];
        // Fresh candidates lie at the end, maybe in the middle of a vector: redo only their numbers, from the same noise.
        float* tail = row(e) + settings_.population - fresh;
        if (fresh > 0) std::copy_n(tail, fresh, returns_.data());
        table.affine_clip(row(e), std_[e], memory.mean[e], p.action_low[a], p.action_high[a], padded_);
        if (fresh > 0) {
            table.affine_clip(returns_.data(), init, mid_[a], p.action_low[a], p.action_high[a], round_up(fresh, kLaneGroup));
            std::copy_n(returns_.data(), fresh, tail);
        }
    }
    place_carried(memory);
}

void CEM::place_carried(const Memory& memory) {
    int slot = 0;
    const auto place = [&](const float* actions) {
        for (int e = 0; e < elements_; ++e) row(e)[slot] = actions[e];
        ++slot;
    };
    if (settings_.include_mean) place(memory.mean.data());
    for (int k = 0; k < memory.kept_count; ++k) place(memory.kept.data() + static_cast<std::ptrdiff_t>(k) * elements_);
}

/// Puts the best finite candidates first in order_, best first, equal returns by index. Returns how many.
int CEM::select_elites() {
    int finite = 0;
    for (int n = 0; n < settings_.population; ++n)
        if (std::isfinite(returns_[n])) order_[finite++] = n;
    const int elites = std::min(settings_.elites, finite);
    std::partial_sort(order_.begin(), order_.begin() + elites, order_.begin() + finite,
                      [this](int a, int b) { return returns_[a] != returns_[b] ? returns_[a] > returns_[b] : a < b; });
    return elites;
}

void CEM::refit(Memory& memory, int elites) {
    if (elites == 0) return;  // keep mean and std
    any_finite_ = true;
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
    memory.kept_count = std::min(settings_.keep_elites, elites);
    for (int k = 0; k < memory.kept_count; ++k)
        for (int e = 0; e < elements_; ++e) memory.kept[static_cast<std::size_t>(k) * elements_ + e] = row(e)[order_[k]];
    remember_best();
}

void CEM::remember_best() {
    if (!(returns_[order_[0]] > best_return_)) return;
    best_return_ = returns_[order_[0]];
    for (int e = 0; e < elements_; ++e) best_[e] = row(e)[order_[0]];
}

/// The answer rides along as one more candidate: its return is the value, its states are what the plan intends.
void CEM::evaluate_answer(Memory& memory) {
    const Problem& p = problem();
    const bool best = settings_.returns_best && any_finite_;
    plan_.actions = best ? best_ : memory.mean;
    for (int e = 0; e < elements_; ++e) std::fill_n(row(e), kLaneGroup, plan_.actions[e]);
    std::fill_n(states_.data(), states_.size(), 0.0f);
    rollout_.run({actions_.data(), padded_}, 1, returns_.data(), {states_.data(), kLaneGroup});
    plan_.value = returns_[0];
    for (std::size_t i = 0; i < plan_.states.size(); ++i) plan_.states[i] = states_[i * kLaneGroup];
    plan_.status = any_finite_ ? PlanStatus::ok : PlanStatus::no_finite_candidate;
    plan_.model_steps =
        (static_cast<long long>(settings_.population) * settings_.iterations + 1) * rollout_.shape().steps() * p.members;
}

}  // namespace mbrl
