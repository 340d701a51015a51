// What Python holds of a planner: any of them, for one thread at a time.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <atomic>
#include <memory>

#include "planners/planner.hpp"

namespace mbrl::bindings {
namespace py = pybind11;

struct BoundPlanner {
    std::unique_ptr<Planner> planner;
    std::atomic<bool> busy{false};
    explicit BoundPlanner(std::unique_ptr<Planner> made) : planner(std::move(made)) {}
};

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
