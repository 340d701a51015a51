// New weights for planners that are planning: one thread leaves them, the others take them when their next plan begins.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "program/program.hpp"

namespace mbrl {

/// What no reward of a step, and no terminal value, ever exceeds, in any member and state; infinity when unknown.
struct Bounds {
    double reward = std::numeric_limits<double>::infinity();
    double terminal = std::numeric_limits<double>::infinity();
};

/// One generation: the weights of every program, which belong together, and the bounds that follow from them.
struct WeightSet {
    std::map<std::string, std::shared_ptr<const Weights>> programs;
    Bounds bounds;
};

/// Holds the newest generation. Generation 0 is what the file gave, and is empty here.
///
/// A planner never waits: while an update has the lock, for the time of a few assignments, it keeps what it has for one more
/// plan. It never frees either: old generations stay here until a later publish() finds that nobody uses them.
class WeightSlot {
 public:
    std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

    /// The newest generation, null for the file's, and its version. May wait for an update.
    std::shared_ptr<const WeightSet> newest(std::uint64_t* version = nullptr) const {
        const std::lock_guard lock(mutex_);
        if (version) *version = version_.load(std::memory_order_relaxed);
        return newest_;
    }

    /// Takes a generation other than `version`, if there is one and nobody is leaving it just now. Waits for nobody.
    bool take(std::uint64_t& version, std::shared_ptr<const WeightSet>& weights) const {
        if (this->version() == version) return false;
        const std::unique_lock lock(mutex_, std::try_to_lock);
        if (!lock.owns_lock()) return false;
        weights = newest_;
        version = version_.load(std::memory_order_relaxed);
        return true;
    }

    /// Leaves a generation, and frees the old ones that nobody uses any more. Returns its version. One call at a time.
    std::uint64_t publish(std::shared_ptr<const WeightSet> weights) {
        retired_.reserve(retired_.size() + 1);
        std::uint64_t version = 0;
        {
            const std::lock_guard lock(mutex_);
            if (newest_) retired_.push_back(std::move(newest_));
            newest_ = std::move(weights);
            version = version_.fetch_add(1, std::memory_order_release) + 1;
        }
        // Only newest_ is handed out: a retired generation that is ours alone stays ours alone.
        std::vector<std::shared_ptr<const WeightSet>> used;
        for (auto& old : retired_)
            if (old.use_count() > 1) used.push_back(std::move(old));
        retired_ = std::move(used);
        return version;
    }

 private:
    mutable std::mutex mutex_;
    std::atomic<std::uint64_t> version_{0};
    std::shared_ptr<const WeightSet> newest_;
    std::vector<std::shared_ptr<const WeightSet>> retired_;
};

}  // namespace mbrl
