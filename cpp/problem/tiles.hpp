// Tiles: how candidates are cut into blocks that are executed together, and the clock that their model steps are held to.
#pragma once

#include <cstdint>

#include "program/executor.hpp"

namespace mbrl {

/// Lanes of a tile on which to run a Program.
int tile_lanes(const Program& program);
/// Tiles are cut at multiples of this many lanes.
int tile_grain();

/// `count` candidates in tiles of at most `stride` lanes: they differ by at most one grain, or a pair of vectors where there are
/// enough of those, and every thread gets as many as the others.
class Tiling {
 public:
    Tiling(int count, int stride, int threads);
    int tiles() const { return tiles_; }
    /// Where a tile's candidates begin; of tiles(), the padded end of the last one.
    int begin(int tile) const;

 private:
    int tiles_, unit_, units_, end_;
};

/// Pointer to the operand's lanes; what is the same for all lanes is spread into `scratch`.
const float* lanes_of(const Frame& frame, Operand operand, float* scratch);

/// steady_clock, in nanoseconds since its epoch.
std::int64_t now_ns();
inline constexpr std::int64_t kNoDeadline = INT64_MAX;

/// Foresees that a model step would end after the deadline.
struct StepClock {
    std::int64_t began = 0, last = 0;  // of the step that runs, 0: none does; how long the last one took
    /// Before a step: whether it would end too late, if it takes as long as the last one.
    bool out_of_time(std::int64_t deadline);
};

}  // namespace mbrl
