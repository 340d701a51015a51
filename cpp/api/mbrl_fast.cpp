// The C API: checks what C cannot, and turns every exception into a result and a sentence.
#include "api/mbrl_fast.h"

#include <atomic>
#include <cmath>
#include <cstdio>
#include <limits>
#include <new>

#include "api/settings.hpp"
#include "controller/controller.hpp"
#include "controller/open.hpp"
#include "kernels/dispatch.hpp"
#include "problem/file.hpp"

using namespace mbrl;

struct mbrl_problem {
    std::shared_ptr<const Problem> problem;
};

struct mbrl_planner {
    mbrl_planner(std::shared_ptr<const Problem> problem, const CEMSettings& settings) : cem(std::move(problem), settings) {
        const Problem& p = cem.problem();
        const int steps = settings.horizon * settings.steps_per_knot;
        for (const Input& input : p.inputs)
            values.emplace_back(static_cast<std::size_t>(input.size()) * (input.per_step ? steps : 1));
        given.resize(p.inputs.size());
        in_order.resize(p.inputs.size());
        zeros.resize(p.action_size);
    }
    CEM cem;
    std::vector<std::vector<float>> values;  // as set by name
    std::vector<char> given;
    InputValues in_order;
    std::vector<float> zeros;
    std::atomic_flag busy;
};

namespace {

/// Fixed memory: a failure to allocate must still have its sentence.
thread_local char last_error[1024] = "";

mbrl_result remember(mbrl_result result, const char* sentence) noexcept {
    std::snprintf(last_error, sizeof last_error, "%s", sentence);
    return result;
}

/// Nothing that `call` throws passes this line.
template <class Call>
mbrl_result guarded(Call&& call) noexcept {
    try {
        call();
        return MBRL_OK;
    } catch (const Error& error) {
        return remember(MBRL_INVALID, error.what());
    } catch (const std::bad_alloc&) {
        return remember(MBRL_NO_MEMORY, "out of memory");
    } catch (const std::length_error&) {
        return remember(MBRL_NO_MEMORY, "out of memory: larger than any array can be");
    } catch (const std::exception& error) {
        return remember(MBRL_FAILED, error.what());
    } catch (...) {
        return remember(MBRL_FAILED, "unknown failure");
    }
}

/// The same for what answers a handle: NULL on failure.
template <class Make>
auto made(Make&& make) noexcept {
    decltype(make()) handle = nullptr;
    guarded([&] { handle = make(); });
    return handle;
}

void check_given(const void* pointer, const char* name) { check(pointer != nullptr, name, " must not be NULL"); }

void check_finite(const float* values, std::size_t count, std::string_view name) {
    for (std::size_t i = 0; i < count; ++i)
        check(std::isfinite(values[i]), name, " must be finite, got ", values[i], " at index ", i);
}

/// One thread at a time.
template <class Call>
mbrl_result exclusively(mbrl_planner* planner, Call&& call) noexcept {
    if (!planner) return remember(MBRL_INVALID, "planner must not be NULL");
    if (planner->busy.test_and_set(std::memory_order_acquire))
        return remember(MBRL_BUSY, "this planner is planning in another thread: make one planner per thread");
    const mbrl_result result = guarded(call);
    planner->busy.clear(std::memory_order_release);
    return result;
}

const Input* input_at(const mbrl_problem* problem, int index) {
    const bool there = problem && index >= 0 && index < static_cast<int>(problem->problem->inputs.size());
    return there ? &problem->problem->inputs[index] : nullptr;
}

int input_index(const Problem& problem, std::string_view name) {
    for (std::size_t i = 0; i < problem.inputs.size(); ++i)
        if (problem.inputs[i].name == name) return static_cast<int>(i);
    return -1;
}

const InputValues& inputs_of(mbrl_planner& planner, const mbrl_request& request) {
    const auto& inputs = planner.cem.problem().inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        check(request.inputs ? request.inputs[i] != nullptr : planner.given[i], "input '", inputs[i].name, "' is missing, it has ",
              planner.values[i].size(), " numbers");
        planner.in_order[i] = request.inputs ? request.inputs[i] : planner.values[i].data();
        check_finite(planner.in_order[i], planner.values[i].size(), inputs[i].name);
    }
    return planner.in_order;
}

mbrl_plan_status status_of(PlanStatus status) {
    switch (status) {
        case PlanStatus::ok:
            return MBRL_PLAN_OK;
        case PlanStatus::deadline:
            return MBRL_PLAN_DEADLINE;
        case PlanStatus::shifted:
            return MBRL_PLAN_SHIFTED;
        case PlanStatus::safe:
            return MBRL_PLAN_SAFE;
        case PlanStatus::no_finite_candidate:
            break;
    }
    return MBRL_PLAN_NO_FINITE;
}

void plan_once(mbrl_planner& planner, const mbrl_request* request, mbrl_plan* answer) {
    check_given(request, "request");
    check_given(answer, "plan");
    check(request->size == sizeof(mbrl_request) && answer->size == sizeof(mbrl_plan),
          "request and plan must begin with MBRL_REQUEST and MBRL_PLAN of this version's header");
    check_given(request->state, "state");
    const Problem& problem = planner.cem.problem();
    check_finite(request->state, problem.state_size, "state");
    const float* previous = request->previous_action ? request->previous_action : planner.zeros.data();
    check_finite(previous, problem.action_size, "previous_action");
    check(std::isfinite(request->elapsed) && request->elapsed >= 0, "elapsed must be >= 0 and finite, got ", request->elapsed);
    check(request->max_tiles >= 0, "max_tiles must be >= 0, got ", request->max_tiles);
    const Plan& plan = planner.cem.plan({.state = request->state,
                                         .previous_action = previous,
                                         .inputs = inputs_of(planner, *request),
                                         .elapsed = request->elapsed,
                                         .deadline = request->deadline,
                                         .max_tiles = request->max_tiles});
    *answer = {.size = sizeof(mbrl_plan),
               .status = status_of(plan.status),
               .horizon = planner.cem.horizon(),
               .knot_seconds = planner.cem.steps_per_knot() * problem.dt,
               .actions = plan.actions.data(),
               .states = plan.has_states ? plan.states.data() : nullptr,
               .value = plan.value,
               .model_steps = plan.model_steps,
               .tiles = plan.tiles};
}

}  // namespace

extern "C" {

const char* mbrl_version() noexcept { return MBRL_FAST_VERSION; }
const char* mbrl_error() noexcept { return last_error; }
std::int64_t mbrl_now() noexcept { return Controller::now(); }
const char* mbrl_isa() noexcept {
    const char* name = "";
    guarded([&] { name = kernels().name; });
    return name;
}

mbrl_problem* mbrl_problem_open(const char* path) noexcept {
    return made([&] {
        check_given(path, "path");
        return new mbrl_problem{open_problem(path)};
    });
}

mbrl_problem* mbrl_problem_load(const void* bytes, size_t size) noexcept {
    return made([&] {
        check_given(bytes, "bytes");
        return new mbrl_problem{load_problem({static_cast<const char*>(bytes), size})};
    });
}

void mbrl_problem_free(mbrl_problem* problem) noexcept { delete problem; }
int mbrl_problem_state_size(const mbrl_problem* problem) noexcept { return problem ? problem->problem->state_size : 0; }
int mbrl_problem_action_size(const mbrl_problem* problem) noexcept { return problem ? problem->problem->action_size : 0; }
double mbrl_problem_dt(const mbrl_problem* problem) noexcept { return problem ? problem->problem->dt : 0; }

mbrl_result mbrl_problem_bounds(const mbrl_problem* problem, float* low, float* high) noexcept {
    return guarded([&] {
        check_given(problem, "problem");
        check_given(low, "low");
        check_given(high, "high");
        std::copy(problem->problem->action_low.begin(), problem->problem->action_low.end(), low);
        std::copy(problem->problem->action_high.begin(), problem->problem->action_high.end(), high);
    });
}

int mbrl_problem_inputs(const mbrl_problem* problem) noexcept {
    return problem ? static_cast<int>(problem->problem->inputs.size()) : 0;
}
const char* mbrl_problem_input_name(const mbrl_problem* problem, int index) noexcept {
    const Input* input = input_at(problem, index);
    return input ? input->name.c_str() : nullptr;
}
int mbrl_problem_input_size(const mbrl_problem* problem, int index) noexcept {
    const Input* input = input_at(problem, index);
    return input ? input->size() : 0;
}
int mbrl_problem_input_per_step(const mbrl_problem* problem, int index) noexcept {
    const Input* input = input_at(problem, index);
    return input && input->per_step;
}
int mbrl_problem_input_index(const mbrl_problem* problem, const char* name) noexcept {
    return problem && name ? input_index(*problem->problem, name) : -1;
}

mbrl_planner* mbrl_cem_create(const mbrl_problem* problem, const mbrl_setting* settings, size_t count) noexcept {
    return made([&] {
        check_given(problem, "problem");
        if (count > 0) check_given(settings, "settings");
        CEMSettings chosen = control_settings();
        for (std::size_t i = 0; i < count; ++i) {
            check_given(settings[i].name, "the name of a setting");
            set_by_name(chosen, settings[i].name, settings[i].value);
        }
        return new mbrl_planner(problem->problem, chosen);
    });
}

void mbrl_planner_free(mbrl_planner* planner) noexcept { delete planner; }

mbrl_result mbrl_planner_reset(mbrl_planner* planner) noexcept {
    return exclusively(planner, [&] { planner->cem.reset(); });
}

mbrl_result mbrl_planner_set_input(mbrl_planner* planner, const char* name, const float* values, size_t count) noexcept {
    return exclusively(planner, [&] {
        check_given(name, "name");
        check_given(values, name);
        const int index = input_index(planner->cem.problem(), name);
        check(index >= 0, "unknown input '", name, "'");
        check(count == planner->values[index].size(), "input '", name, "' must have ", planner->values[index].size(),
              " numbers, got ", count);
        check_finite(values, count, name);
        std::copy_n(values, count, planner->values[index].begin());
        planner->given[index] = true;
    });
}

mbrl_result mbrl_planner_plan(mbrl_planner* planner, const mbrl_request* request, mbrl_plan* plan) noexcept {
    return exclusively(planner, [&] { plan_once(*planner, request, plan); });
}

}  // extern "C"
