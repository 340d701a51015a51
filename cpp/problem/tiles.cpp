#include "problem/tiles.hpp"

#include <algorithm>
#include <chrono>

#include "kernels/dispatch.hpp"

namespace mbrl {
namespace {

/// Lanes of a tile: enough to spread the cost of starting an operation, few enough that the live rows of a tile stay in
/// the first-level cache. Matrix products need two vectors; chains of cheap operations gain from many.
constexpr int kTileBytes = 48 * 1024;
constexpr int kLeastTileLanes = 32;
constexpr int kMostTileLanes = 128;
/// A tile is cut at multiples of this, so that the cut does not depend on shorter vectors.
constexpr int kTileGrain = 8;

}  // namespace

int tile_lanes(const Program& program) {
    const Executor probe(program, kLaneGroup);
    const int rows = std::max<int>(1, static_cast<int>(probe.lane_floats() / kLaneGroup));
    const int fitting = kTileBytes / static_cast<int>(sizeof(float)) / rows / kLaneGroup * kLaneGroup;
    return std::clamp(fitting, kLeastTileLanes, kMostTileLanes);
}

int tile_grain() { return std::max(kTileGrain, static_cast<int>(kernels().lanes)); }

Tiling::Tiling(int count, int stride, int threads) {
    const int grain = tile_grain(), grains = round_up(count, grain) / grain;
    end_ = grains * grain;
    tiles_ = std::min(grains, round_up((end_ + stride - 1) / stride, threads));
    // Two vectors at a time make the best of the multipliers: tiles of many grains are cut at whole pairs.
    unit_ = grains >= 4 * tiles_ ? kLaneGroup : grain;
    units_ = round_up(end_, unit_) / unit_;
}

int Tiling::begin(int tile) const { return std::min(static_cast<int>(std::int64_t{units_} * tile / tiles_) * unit_, end_); }

const float* lanes_of(const Frame& frame, Operand operand, float* scratch) {
    if (operand.advance) return frame.lanes + operand.offset;
    read_operand(frame, operand, scratch, frame.width);
    return scratch;
}

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool StepClock::out_of_time(std::int64_t deadline) {
    if (deadline == kNoDeadline) return false;
    const std::int64_t now = now_ns();
    if (began != 0) last = now - began;
    began = now;
    return now + last >= deadline;
}

}  // namespace mbrl
