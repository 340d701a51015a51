// What the plant was told last, for as long back as actions are still under way to it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace mbrl {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();

class CommandLog {
 public:
    /// Remembers the last `span` nanoseconds.
    CommandLog(int action_size, std::int64_t span)
        : action_size_(action_size),
          spacing_(static_cast<std::uint64_t>(span) / (kEntries / 2)),
          times_(kEntries, kNever),
          actions_(kEntries * action_size) {}

    /// Times must not go back. Commands closer to each other than a 32nd of the span share one entry, the later action counts.
    void add(std::int64_t time, const float* action) {
        const auto since = static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(times_[last_]);
        if (count_ == 0 || since >= spacing_) {
            last_ = (last_ + 1) % kEntries;
            times_[last_] = time;
            count_ = std::min(count_ + 1, kEntries);
        }
        std::copy_n(action, action_size_, actions_.begin() + last_ * action_size_);
    }

    /// The action [action_size] in force at `time`: the last one sent until then, else the oldest known; null before any.
    const float* at(std::int64_t time) const {
        if (count_ == 0) return nullptr;
        int entry = last_;
        for (int back = 1; back < count_ && times_[entry] > time; ++back) entry = (entry + kEntries - 1) % kEntries;
        return actions_.data() + entry * action_size_;
    }

 private:
    static constexpr int kEntries = 64;
    int action_size_;
    std::uint64_t spacing_;
    int last_ = kEntries - 1, count_ = 0;
    std::vector<std::int64_t> times_;
    std::vector<float> actions_;
};

}  // namespace mbrl
