#include "kernels/dispatch.hpp"

#include <cstdlib>
#include <cstring>
#include <string>

#include "core/check.hpp"

namespace mbrl {
namespace {

bool has_avx2() {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

const KernelTable& choose() {
    const char* wanted = std::getenv("MBRL_FAST_ISA");
    const std::string name = wanted ? wanted : "";
    if (name == "baseline") return baseline_kernels;
#if defined(__x86_64__)
    if (name == "avx2" || name.empty()) {
        check(name.empty() || has_avx2(), "MBRL_FAST_ISA=avx2, but this processor has no AVX2 with FMA");
        return has_avx2() ? avx2_kernels : baseline_kernels;
    }
#endif
    check(name.empty(), "MBRL_FAST_ISA must be baseline or avx2, got ", name);
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
