// A cart pushed along a line, controlled at 100 Hz through a model whose step is 50 ms. No Python, no ROS.
//   embed cart.safetensors [seconds]
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mbrl_fast/mbrl_fast.hpp>
#include <thread>

namespace {

constexpr double kPeriod = 0.01;  // of the fast loop, seconds

/// The real cart: it has a little friction, which the model does not know of.
struct Cart {
    float state[2] = {0, 0};  // position in m, speed in m/s
    void push(float acceleration, double seconds) {
        const float dt = static_cast<float>(seconds);
        state[0] += dt * state[1] + 0.5f * dt * dt * acceleration;
        state[1] += dt * (acceleration - 0.2f * state[1]);
    }
};

mbrl_fast::ControllerSettings settings() {
    mbrl_fast::ControllerSettings s;
    s.planner.horizon = 10;        // knots ...
    s.planner.steps_per_knot = 4;  // ... of 4 × 50 ms: 2 s ahead
    s.planner.population = 128;
    s.planner.iterations = 3;
    s.budget = 0.04;
    return s;
}

int drive(const char* file, double seconds) {
    mbrl_fast::Controller controller(mbrl_fast::open_problem(file), settings());
    const float goal[2] = {1, 0};
    Cart cart;
    controller.set_input("goal", goal, 2);
    controller.start(0.05);  // plans in a thread of its own, once per model step

    auto next = std::chrono::steady_clock::now();
    for (int tick = 0; tick < static_cast<int>(seconds / kPeriod); ++tick) {
        float push;
        controller.measure(cart.state);
        controller.action_at(controller.now(), &push);  // never waits for the planning thread
        cart.push(push, kPeriod);
        next += std::chrono::microseconds(10'000);
        std::this_thread::sleep_until(next);
    }
    controller.stop();

    const mbrl_fast::Counts counts = controller.counts();
    std::printf("control rate       %.1f Hz\n", counts.action_rate);
    std::printf("plans              %lld, %.1f Hz, longest %.2f ms\n", counts.plans, counts.plan_rate, 1e3 * counts.longest_plan);
    std::printf("missed deadlines   %lld\n", counts.missed_deadlines);
    std::printf("safe actions       %lld of %lld\n", counts.fallbacks, counts.actions);
    std::printf("distance to goal   %.3f m\n", std::fabs(static_cast<double>(cart.state[0] - goal[0])));
    return 0;
}

}  // namespace

int main(int count, char** words) {
    if (count < 2) return std::fprintf(stderr, "usage: embed cart.safetensors [seconds]\n"), 2;
    try {
        return drive(words[1], count > 2 ? std::atof(words[2]) : 3);
    } catch (const std::exception& error) {  // only loading and setting up can fail
        return std::fprintf(stderr, "embed: %s\n", error.what()), 1;
    }
}
