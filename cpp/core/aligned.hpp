// Float storage aligned to a cache line, sized once, zeroed: kernels load whole vectors from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

namespace mbrl {

/// Vectors are padded to this many floats whatever the instruction set, so that layouts never depend on it.
inline constexpr int kLaneGroup = 16;
inline constexpr std::size_t kAlignment = 64;

inline int round_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

/// Move-only array of `size` floats, zero-initialised, 64-byte aligned.
class AlignedFloats {
 public:
    AlignedFloats() = default;
    explicit AlignedFloats(std::size_t size) : size_(size) {
        if (size == 0) return;
        data_.reset(static_cast<float*>(::operator new(size * sizeof(float), std::align_val_t{kAlignment})));
        std::memset(data_.get(), 0, size * sizeof(float));
    }
    float* data() { return data_.get(); }
    const float* data() const { return data_.get(); }
    std::size_t size() const { return size_; }
    float& operator[](std::size_t i) { return data_.get()[i]; }
    float operator[](std::size_t i) const { return data_.get()[i]; }

 private:
    struct Free {
        void operator()(float* p) const { ::operator delete(p, std::align_val_t{kAlignment}); }
    };
    std::unique_ptr<float, Free> data_;
    std::size_t size_ = 0;
};

}  // namespace mbrl
