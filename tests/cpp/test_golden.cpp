// Whole plans have the committed bits: with every instruction set that fuses multiplications and additions, every compiler, and
// any number of threads. x86 without the instruction (MBRL_FAST_ISA=baseline) comes close. A change of these numbers is a change of
// what users get: say so in CHANGELOG.md.
#include <cmath>
#include <cstring>
#include <span>

#include "all_planners.hpp"
#include "golden_problems.hpp"
#include "kernels/dispatch.hpp"
#include "planner_call.hpp"
#include "planning.hpp"
#include "test.hpp"

namespace {

constexpr int kPlans = 4;
constexpr int kSkipped = 77;  // as CMakeLists.txt tells ctest

struct Golden {
    const char* name;
    test::ProblemFile (*problem)();
    bool rich;
    std::uint64_t hash;
    double value;  // of the first plan
};

const Golden goldens[] = {
    {"matrices", test::matrices, false, 0x9ded4385af353a30, -4.52899742},
    {"matrices, rich", test::matrices, true, 0xaf0e29c6a2b33e06, -2.32584739},
    {"networks", test::networks, false, 0x6dcfbf64d061249a, -27.2689419},
    {"networks, rich", test::networks, true, 0xb05be436b7dc41c6, -11.0079994},
    {"functions", test::functions, false, 0xbcca3cfc97677965, 14.6391506},
    {"functions, rich", test::functions, true, 0x43473229ac7bb5ba, -1.92893827},
    {"everything", test::everything, false, 0x883fceab5719b0f0, -1573.08875},
    {"everything, rich", test::everything, true, 0x48847ad6c78807d2, -8.94156456},
    {"dealt particles", test::gaussians, true, 0xdb36d826d6027fff, -80.821167},
};

/// FNV-1a, 64 bits.
struct Hash {
    std::uint64_t value = 0xcbf29ce484222325u;
    void add(const float* numbers, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            std::uint32_t word;
            std::memcpy(&word, numbers + i, sizeof word);
            for (int shift = 0; shift < 32; shift += 8) value = (value ^ (word >> shift & 0xff)) * 0x100000001b3u;
        }
    }
};

struct Outcome {
    std::uint64_t hash;
    double value;
};

Outcome plan(mbrl::Planner& planner, const char* name) {
    const mbrl::Problem& problem = planner.problem();
    const int steps = planner.horizon() * planner.steps_per_knot();
    std::vector<std::vector<float>> inputs;
    mbrl::InputValues values;
    for (const auto& input : problem.inputs) {
        inputs.push_back(test::fractions(input.size() * (input.per_step ? steps : 1), 7, 0.5f));
        values.push_back(inputs.back().data());
    }
    Outcome outcome{0, 0};
    Hash hash;
    for (int i = 0; i < kPlans; ++i) {
        const auto state = test::fractions(problem.state_size, static_cast<std::uint32_t>(10 + i), 1);
        const auto previous = test::fractions(problem.action_size, static_cast<std::uint32_t>(20 + i), 1);
        const mbrl::Plan& made = test::plan_once(planner, state.data(), previous.data(), values, i == 2 ? 1.5 : 1.0);
        hash.add(made.actions.data(), made.actions.size());
        hash.add(made.states.data(), made.states.size());
        hash.add(&made.value, 1);
        if (i == 0) outcome.value = made.value;
        EXPECT(made.status == mbrl::PlanStatus::ok && std::isfinite(made.value), name);
    }
    outcome.hash = hash.value;
    return outcome;
}

Outcome plan(const Golden& golden, int threads) {
    mbrl::CEMSettings settings = golden.rich ? test::rich_settings() : mbrl::CEMSettings{};
    settings.population = golden.rich ? 203 : 101;
    settings.threads = threads;
    if (golden.problem == test::gaussians) {
        settings.particles = 6;
        settings.propagation = mbrl::Propagation::ts1;
        settings.objective = mbrl::Objective::entropic;
        settings.risk = -0.5;
    }
    mbrl::CEM planner(golden.problem().load(), settings);
    return plan(planner, golden.name);
}

struct GoldenKind {
    const char* name;
    std::uint64_t hash;
    double value;  // of the first plan
};

/// Every kind of planner with every feature, on the networks and, with particles, on the Gaussian ones.
const GoldenKind golden_networks[] = {
    {"cem", 0x443c5cdacef9fc39, -11.0259457},
    {"icem", 0x6c50c30848047e61, -11.0544262},
    {"mppi", 0x2fb45491c4c6eba4, -11.1015797},
    {"mppi of elites", 0xf3bb20d246e80bcb, -11.0083008},
    {"smooth mppi", 0xf15cd326e0d8f6c6, -11.1866789},
    {"random shooting", 0xe549388b0868ed6f, -11.0762968},
    {"predictive sampling", 0x28e9f582467d5069, -11.1362438},
    {"gradient shooting", 0x5e0efb538bffbc03, -11.0583439},
    {"ilqr", 0x4fa61ac19a656db9, -11.0129652},
};

const GoldenKind golden_particles[] = {
    {"cem", 0x40a15bdb9ee7f3f2, -25.1765785},
    {"icem", 0x6fdf8e6a0ddbbaa0, -25.3113613},
    {"mppi", 0x007f85e8214d9e5f, -25.6898232},
    {"mppi of elites", 0x36f9c77ce091399f, -25.1835594},
    {"smooth mppi", 0xdd7e34197b1f8462, -25.8322487},
    {"random shooting", 0x5c4fc5ed9ebc1646, -25.4658489},
    {"predictive sampling", 0xa8c9d88eff08b033, -25.9053612},
    {"gradient shooting", 0x7c2fb393b997f36d, -25.2456398},
    {"ilqr", 0x35501176d674ca80, -25.5262871},
};

Outcome plan(const test::Kind& kind, test::ProblemFile (*problem)(), int threads) {
    const auto planner = kind.make(problem().load(), true, threads);
    return plan(*planner, kind.name.c_str());
}

bool fused() {
#if defined(__x86_64__)
    return std::string(mbrl::kernels().name) != "baseline";
#else
    return true;
#endif
}

TEST(plans_have_the_committed_bits) {
    for (const Golden& golden : goldens) {
        const Outcome one = plan(golden, 1);
        std::printf("  {\"%s\", 0x%016llx, %.9g}\n", golden.name, static_cast<unsigned long long>(one.hash), one.value);
        if (fused())
            EXPECT(one.hash == golden.hash, golden.name);
        else
            EXPECT(std::fabs(one.value - golden.value) <= 1e-3 * std::fabs(golden.value), golden.name, ": ", one.value);
    }
}

void expect_committed(test::ProblemFile (*problem)(), std::span<const GoldenKind> goldens) {
    EXPECT(goldens.size() == test::all_planners().size());
    for (std::size_t i = 0; i < test::all_planners().size(); ++i) {
        const test::Kind& kind = test::all_planners()[i];
        const Outcome one = plan(kind, problem, 1);
        std::printf("    {\"%s\", 0x%016llx, %.9g},\n", kind.name.c_str(), static_cast<unsigned long long>(one.hash), one.value);
        for (int threads : {2, 5}) EXPECT(plan(kind, problem, threads).hash == one.hash, kind.name, ", ", threads, " threads");
        if (i >= goldens.size()) continue;
        const GoldenKind& golden = goldens[i];
        EXPECT(kind.name == golden.name, kind.name, " is not ", golden.name);
        if (fused())
            EXPECT(one.hash == golden.hash, kind.name);
        else
            EXPECT(std::fabs(one.value - golden.value) <= 1e-3 * std::fabs(golden.value), kind.name, ": ", one.value);
    }
}

TEST(every_kind_of_planner_has_the_committed_bits_for_any_number_of_threads) {
    expect_committed(test::networks, golden_networks);
    expect_committed(test::gaussians, golden_particles);
}

TEST(threads_do_not_change_a_bit) {
    for (const Golden& golden : goldens) {
        const Outcome one = plan(golden, 1);
        for (int threads : {2, 3, 4, 8, 16}) EXPECT(plan(golden, threads).hash == one.hash, golden.name, ", ", threads, " threads");
    }
}

}  // namespace

int main() {
    const std::string error = test::error_of([] { std::printf("  %s\n", mbrl::kernels().name); });
    if (error.find("this processor does not support") != std::string::npos) return std::puts(error.c_str()), kSkipped;
    return test::run_all();
}
