/* A C program: loads a Problem file, plans three times, prints the plans' bits. */
#include <mbrl_fast/mbrl_fast.h>
#include <stdio.h>

static int failed(void) {
    printf("failed: %s\n", mbrl_error());
    return 1;
}

int main(int count, char** words) {
    const mbrl_setting settings[] = {{"horizon", 6}, {"steps_per_knot", 2}, {"population", 80}, {"seed", 11}};
    const float state[] = {0.25f, -0.5f}, goal[] = {1.0f, 0.0f};
    mbrl_problem* problem = mbrl_problem_open(count > 1 ? words[1] : "");
    mbrl_planner* planner = mbrl_cem_create(problem, settings, sizeof settings / sizeof *settings);
    mbrl_request request = MBRL_REQUEST;
    mbrl_plan plan = MBRL_PLAN;
    int i, h;
    if (!planner) return failed();
    mbrl_problem_free(problem); /* the planner keeps what it needs */
    request.state = state;
    if (mbrl_planner_plan(planner, &request, &plan) != MBRL_INVALID) return 1;
    printf("%s\n", mbrl_error());
    if (mbrl_planner_set_input(planner, "goal", goal, 2)) return failed();
    for (i = 0; i < 3; ++i) {
        if (mbrl_planner_plan(planner, &request, &plan)) return failed();
        for (h = 0; h < plan.horizon; ++h) printf("%a ", plan.actions[h]);
        printf("%a %d\n", plan.value, plan.status);
    }
    mbrl_planner_free(planner);
    return 0;
}
