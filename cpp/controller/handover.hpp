// The newest value from one thread to another; neither ever waits, locks or allocates.
#pragma once

#include <atomic>

namespace mbrl {

/// Three slots: one is being written, one is being read, one lies between. One writer thread, one reader thread.
template <class T>
class Handover {
 public:
    explicit Handover(const T& like) : slots_{like, like, like} {}
    Handover(const Handover&) = delete;
    Handover& operator=(const Handover&) = delete;

    /// Writer: fill the draft, then publish it. The draft holds an older value, not the last one.
    T& draft() { return slots_[writing_]; }
    void publish() { writing_ = between_.exchange(writing_ | kFresh, std::memory_order_acq_rel) & kSlot; }

    /// Reader: takes what was published last; false when latest() is that already.
    bool receive() {
        if (!(between_.load(std::memory_order_relaxed) & kFresh)) return false;
        reading_ = between_.exchange(reading_, std::memory_order_acq_rel) & kSlot;
        return true;
    }
    const T& latest() const { return slots_[reading_]; }

 private:
    static constexpr unsigned kSlot = 3, kFresh = 4;
    T slots_[3];
    std::atomic<unsigned> between_{1};
    alignas(64) unsigned writing_ = 0;
    alignas(64) unsigned reading_ = 2;
};

}  // namespace mbrl
