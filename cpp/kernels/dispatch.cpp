#include "kernels/dispatch.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include "core/aligned.hpp"
#include "core/check.hpp"

namespace mbrl {
namespace {

struct Choice {
    const KernelTable* table;
    bool supported;
    bool automatic;  // may be chosen without being named
};

#if defined(__x86_64__)
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#endif

/// A layer of 64 and its activation on 64 candidates: what most plans spend their time on.
class Trial {
 public:
    Trial() : lanes_(2 * kSize * kSize), weights_(kSize * (kSize + 1)) {
        for (std::size_t i = 0; i < weights_.size(); ++i) weights_[i] = 0.01f * static_cast<float>(i % 23) - 0.1f;
        for (std::size_t i = 0; i < lanes_.size(); ++i) lanes_[i] = 0.02f * static_cast<float>(i % 101) - 1;
    }

    /// The fastest of a few runs, in seconds.
    double time(const KernelTable& table) {
        using Clock = std::chrono::steady_clock;
        Operand activated[kSize];
        for (int row = 0; row < kSize; ++row) activated[row] = {(kSize + row) * kSize, 1};
        Step linear{}, silu{};
        linear.out = silu.out = kSize * kSize;
        linear.count = silu.count = linear.inner = kSize;
        silu.in[0] = activated;
        const Frame frame{lanes_.data(), nullptr, weights_.data(), kSize, kSize};
        double best = 1;
        for (int run = 0; run < 12; ++run) {
            const auto began = Clock::now();
            table.ops[find_op("linear")].run(frame, linear);
            table.ops[find_op("silu")].run(frame, silu);
            best = std::min(best, std::chrono::duration<double>(Clock::now() - began).count());
        }
        return best;
    }
    std::vector<float> result() const { return {lanes_.data(), lanes_.data() + lanes_.size()}; }

 private:
    static constexpr int kSize = 64;
    AlignedFloats lanes_, weights_;
};

/// The first set that the processor supports, or a later one if it is clearly faster and computes the same bits: on some
/// processors AVX-512 gains nothing, and its longer vectors leave a worse tail.
const KernelTable& fastest(const Choice* first, const Choice* last) {
    const auto able = [](const Choice& choice) { return choice.supported && choice.automatic; };
    const Choice* best = std::find_if(first, last, able);
    Trial trial;
    double best_time = trial.time(*best->table);
    const std::vector<float> expected = trial.result();
    for (const Choice* other = best + 1; other != last; ++other) {
        if (!able(*other) || other->table == &baseline_kernels) continue;
        const double time = trial.time(*other->table);
        const std::vector<float> result = trial.result();
        const bool same = std::memcmp(result.data(), expected.data(), expected.size() * sizeof(float)) == 0;
        if (same && time < 0.95 * best_time) {
            best = other;
            best_time = time;
        }
    }
    return *best->table;
}

const KernelTable& choose() {
    const Choice choices[] = {
#if defined(__x86_64__)
        {&avx2_kernels, has_avx2(), true},
        {&avx512_kernels, has_avx512(), true},
#endif
        {&baseline_kernels, true, true},
        {&scalar_kernels, true, false},
    };
    const char* named = std::getenv("MBRL_FAST_ISA");
    const std::string name = named ? named : "";
    if (name.empty()) return fastest(std::begin(choices), std::end(choices));
    std::string known;
    for (const Choice& choice : choices) {
        known += (known.empty() ? "" : ", ") + std::string(choice.table->name);
        if (name != choice.table->name) continue;
        check(choice.supported, "MBRL_FAST_ISA=", name, ", but this processor does not support it");
        return *choice.table;
    }
    check(false, "MBRL_FAST_ISA must be one of ", known, ", got ", name);
    return baseline_kernels;
}

}  // namespace

const KernelTable& kernels() {
    static const KernelTable& table = choose();
    return table;
}

int find_op(const char* name) {
    for (int op = 0; op < baseline_kernels.op_count; ++op)
        if (std::strcmp(baseline_kernels.ops[op].name, name) == 0) return op;
    return -1;
}

}  // namespace mbrl
