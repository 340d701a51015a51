#include "problem/particles.hpp"

#include <algorithm>
#include <numeric>

#include "core/check.hpp"
#include "kernels/dispatch.hpp"
#include "problem/problem.hpp"

namespace mbrl {
namespace {

/// Planners number their iterations from 0: no candidate's noise has this one.
constexpr std::uint32_t kParticles = 0xFFFFFFFFu;
constexpr std::int64_t kMostNumbers = std::int64_t{1} << 28;  // 1 GiB

}  // namespace

Particles::Particles(const Problem& problem, int particles, Propagation propagation, int steps)
    : state_size_(problem.state_size),
      steps_(steps),
      count_(particles > 0 ? particles : problem.members),
      each_(count_ / problem.members),
      stride_(round_up(count_, kLaneGroup)) {
    check(particles >= 0 && particles % problem.members == 0,
          "particles must be 0 or a multiple of the members, got particles=", particles, ", members=", problem.members);
    if (particles == 0) return;
    const bool noise = problem.program("step").find_argument("noise") != nullptr;
    const bool dealt = propagation == Propagation::ts1 && problem.members > 1;
    check(noise || dealt || particles == problem.members,
          "particles of a model without a standard deviation do not differ: particles must be 0 or ", problem.members, ", got ",
          particles);
    const std::int64_t rows = (std::int64_t{problem.state_size} + dealt) * steps;
    check(rows * stride_ <= kMostNumbers, "particles * model steps * (state_size + 1) must be <= ", kMostNumbers, ", got ",
          rows * stride_);
    noise_ = AlignedFloats(static_cast<std::size_t>((rows + 3) / 4 * 4) * stride_);
    if (!dealt) return;
    order_.resize(count_);
    dealt_.resize(static_cast<std::size_t>(steps) * count_);
    for (std::size_t i = 0; i < dealt_.size(); ++i) dealt_[i] = static_cast<int>(i % count_);
}

void Particles::draw(std::array<std::uint32_t, 2> key, std::uint32_t plan) {
    if (!noisy()) return;
    NoiseArgs args{};
    args.key[0] = key[0];
    args.key[1] = key[1];
    args.plan = plan;
    args.iteration = kParticles;
    args.blocks = static_cast<int>(noise_.size() / stride_ / 4);
    args.rows = noise_.data();
    args.stride = stride_;
    args.width = stride_;
    kernels().normals(args);
    // A step's deal: the particles in the order of numbers drawn for them, cut into as many hands as there are members.
    for (int step = 0; step < steps_ && !dealt_.empty(); ++step) {
        const float* drawn = noise_.data() + (static_cast<std::size_t>(steps_) * state_size_ + step) * stride_;
        std::iota(order_.begin(), order_.end(), 0);
        std::sort(order_.begin(), order_.end(), [&](int a, int b) { return drawn[a] != drawn[b] ? drawn[a] < drawn[b] : a < b; });
        for (int place = 0; place < count_; ++place) dealt_[static_cast<std::size_t>(step) * count_ + order_[place]] = place;
    }
}

}  // namespace mbrl
