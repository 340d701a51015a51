// A C++11 program without exceptions and run-time types: what firmware-like code bases are built as.
#include <mbrl_fast/mbrl_fast.h>

static_assert(noexcept(mbrl_problem_open(nullptr)) && noexcept(mbrl_problem_load(nullptr, 0)), "loading does not throw");
static_assert(noexcept(mbrl_cem_create(nullptr, nullptr, 0)), "making does not throw");
static_assert(noexcept(mbrl_planner_plan(nullptr, nullptr, nullptr)), "planning does not throw");

int main(int count, char** words) {
    mbrl_problem* problem = mbrl_problem_open(words[count - 1]);
    const mbrl_setting wrong = {"population", -3};
    if (mbrl_cem_create(problem, &wrong, 1) != nullptr || mbrl_error()[0] == '\0') return 1;
    mbrl_planner* planner = mbrl_cem_create(problem, nullptr, 0);
    const float state[] = {0, 0}, goal[] = {1, 0};
    const float* inputs[] = {goal};
    mbrl_request request = MBRL_REQUEST;
    request.state = state;
    request.inputs = inputs;
    mbrl_plan plan = MBRL_PLAN;
    const mbrl_result result = mbrl_planner_plan(planner, &request, &plan);
    const bool forwards = result == MBRL_OK && plan.actions[0] > 0;
    mbrl_planner_free(planner);
    mbrl_problem_free(problem);
    return forwards ? 0 : 1;
}
