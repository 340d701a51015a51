// Where rows lie: neighbours for what belongs together.
#pragma once

#include <iterator>
#include <map>

namespace mbrl {

/// Slots of lane memory, handed out as runs of neighbours. First fit: what is freed early is filled early.
class SlotRuns {
 public:
    int take(int count) {
        for (auto run = free_.begin(); run != free_.end(); ++run) {
            if (run->second < count) continue;
            const auto [first, length] = *run;
            free_.erase(run);
            if (length > count) free_[first + count] = length - count;
            return first;
        }
        // Grow, from the free run at the end if there is one.
        int first = size_;
        if (!free_.empty() && free_.rbegin()->first + free_.rbegin()->second == size_) {
            first = free_.rbegin()->first;
            free_.erase(first);
        }
        size_ = first + count;
        return first;
    }
    void give(int first, int count = 1) {
        const auto after = free_.lower_bound(first);
        if (after != free_.end() && after->first == first + count) {
            count += after->second;
            free_.erase(after);
        }
        const auto before = free_.lower_bound(first);
        if (before != free_.begin() && std::prev(before)->first + std::prev(before)->second == first)
            std::prev(before)->second += count;
        else
            free_[first] = count;
    }
    int size() const { return size_; }

 private:
    std::map<int, int> free_;  // first slot → length
    int size_ = 0;
};

}  // namespace mbrl
