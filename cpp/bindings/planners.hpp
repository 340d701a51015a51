// What Python holds of a planner: any of them, for one thread at a time.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <atomic>
#include <memory>

#include "core/check.hpp"
#include "planners/planner.hpp"

namespace mbrl::bindings {
namespace py = pybind11;

struct BoundPlanner {
    std::unique_ptr<Planner> planner;
    std::atomic<bool> busy{false};
    explicit BoundPlanner(std::unique_ptr<Planner> made) : planner(std::move(made)) {}
};

/// One plan at a time: a planner's buffers are its own. A second thread is told so instead of corrupting them.
class Exclusive {
 public:
    explicit Exclusive(std::atomic<bool>& busy) : busy_(busy) {
        check(!busy_.exchange(true), "this planner is planning in another thread: use one planner per thread");
    }
    ~Exclusive() { busy_ = false; }

 private:
    std::atomic<bool>& busy_;
};

/// Its word, see mbrl_fast.Plan.
inline const char* status_name(PlanStatus status) {
    switch (status) {
        case PlanStatus::ok:
            return "ok";
        case PlanStatus::deadline:
            return "deadline";
        case PlanStatus::no_finite_candidate:
            return "no_finite_candidate";
        case PlanStatus::shifted:
            return "shifted";
        case PlanStatus::safe:
            return "safe";
    }
    return "unknown";
}

/// Memory and decisions of any planner.
void bind_memory(py::class_<BoundPlanner>& planner);

/// `name(problem, settings)` makes a planner of type P.
template <class P, class Settings>
void bind_maker(py::module_& module, const char* name) {
    module.def(
        name,
        [](std::shared_ptr<Problem> problem, const Settings& settings) {
            return std::make_unique<BoundPlanner>(std::make_unique<P>(std::move(problem), settings));
        },
        py::arg("problem"), py::arg("settings"));
}

}  // namespace mbrl::bindings
