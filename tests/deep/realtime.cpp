// Under RealtimeSanitizer (Clang >= 20): a plan on one thread calls nothing that may block, allocate or enter the system.
#include <cstdio>
#include <cstring>
#include <memory>

#include "planning.hpp"

namespace {

float last_value = 0;

struct Call {
    mbrl::CEM& planner;
    const float* state;
    const float* previous;
    const mbrl::InputValues& inputs;
};

#if defined(__clang__) && __clang_major__ >= 20
#define REALTIME [[clang::nonblocking]]
#else
#define REALTIME
#endif

void plan(const Call& call) noexcept REALTIME { last_value = call.planner.plan({call.state, call.previous, call.inputs}).value; }

/// What the sanitizer must find.
void allocate() noexcept REALTIME { last_value = *std::make_unique<volatile float>(1.0f); }

void plan_often(const mbrl::CEMSettings& settings, int plans) {
    mbrl::CEM planner(test::everything().load(), settings);
    const std::vector<float> goal = {0.3f, -0.2f}, wind(static_cast<std::size_t>(settings.horizon * settings.steps_per_knot), 0.1f);
    const mbrl::InputValues inputs = {goal.data(), wind.data()};
    float state[] = {0.1f, 0.4f};
    const float previous = 0.2f;
    for (int i = 0; i < plans; ++i) {
        state[0] = 0.01f * static_cast<float>(i);
        plan({planner, state, &previous, inputs});
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::strcmp(argv[1], "--control") == 0) {
        allocate();
        return std::puts("the allocation was not found"), 0;
    }
    plan_often(mbrl::CEMSettings{}, 200);
    plan_often(test::rich_settings(), 200);
    std::printf("400 plans, last value %g\n", static_cast<double>(last_value));
    return 0;
}
