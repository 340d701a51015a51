// Particles: every candidate is rolled out several times under a model that is not sure of itself (PETS, Chua et al. 2018, §4, §5).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/aligned.hpp"

namespace mbrl {

struct Problem;

/// Which member a particle runs; every member runs equally many.
enum class Propagation : std::uint8_t {
    ts_inf,  // one and the same for the whole trajectory
    ts1,     // dealt anew in every model step
};

/// The noise of each particle in each model step, and the member that it runs. Both are a function of key and plan, and the same
/// for all candidates: what tells candidates apart is then their actions alone.
class Particles {
 public:
    /// Sizes and allocates everything. `particles` 0: one trajectory for each member, at its mean. Throws Error for a number that
    /// is no multiple of the members, or that makes particles which cannot differ.
    Particles(const Problem& problem, int particles, Propagation propagation, int steps);

    /// Trajectories of every candidate.
    int count() const { return count_; }
    /// Whether there is noise to load.
    bool noisy() const { return noise_.size() > 0; }
    /// Once per plan; allocates nothing.
    void draw(std::array<std::uint32_t, 2> key, std::uint32_t plan);

    int member(int particle, int step) const {
        return dealt_.empty() ? particle / each_ : dealt_[static_cast<std::size_t>(step) * count_ + particle] / each_;
    }
    /// Of entry `i` of the state.
    float noise(int particle, int step, int i) const {
        return noise_[(static_cast<std::size_t>(step) * state_size_ + i) * stride_ + particle];
    }

 private:
    int state_size_, steps_, count_, each_, stride_;  // each_: particles of a member
    AlignedFloats noise_;                             // [steps · state_size][stride], and where they are dealt [steps] rows more
    std::vector<int> dealt_;                          // [steps][count], the place of each particle in the deal
    std::vector<int> order_;                          // [count], of one deal
};

}  // namespace mbrl
