// When a plan must be ready, when it begins, how much of it may run, and what holds for it alone: Python numbers, checked.
#pragma once

#include <cmath>
#include <vector>

#include "bindings/arrays.hpp"
#include "planners/planner.hpp"

namespace mbrl::bindings {

inline std::string text_of(py::handle value) { return py::repr(value).cast<std::string>(); }

inline double number(py::handle value, const std::string& name) {
    const double result = PyBool_Check(value.ptr()) ? -1 : PyFloat_AsDouble(value.ptr());
    if (PyBool_Check(value.ptr()) || PyErr_Occurred()) {
        PyErr_Clear();
        throw py::type_error(name + " must be a number, got " + text_of(value));
    }
    check(!std::isnan(result), name, " must be a number, got nan");
    return result;
}

class PlanOptions {
 public:
    /// Call it first: time counts from here. `committed` is [rows, action_size] or, of a batch, [batch, rows, action_size].
    PlanOptions(const Problem& problem, py::handle deadline_ms, py::handle max_tiles, py::handle delay, py::handle committed,
                py::ssize_t batch = 0)
        : entry_(now_ns()) {
        if (!deadline_ms.is_none()) budget_ms_ = number(deadline_ms, "deadline_ms");
        if (!max_tiles.is_none()) set_max_tiles(max_tiles);
        if (!delay.is_none()) set_delay(number(delay, "delay"), problem.dt);
        if (committed.is_none()) return;
        const py::ssize_t a = problem.action_size, rows = committed_rows(delay_);
        committed_ = floats(committed, batch > 0 ? std::vector<py::ssize_t>{batch, rows, a} : std::vector<py::ssize_t>{rows, a},
                            "committed");
        given_ = true;
        per_row_ = batch > 0 ? rows * a : 0;
    }

    std::int64_t entry() const { return entry_; }
    /// When a plan that began at `begin` is due.
    std::int64_t deadline(std::int64_t begin) const {
        constexpr double a_year = 3e10;
        return budget_ms_ < a_year ? begin + static_cast<std::int64_t>(std::max(budget_ms_, 0.0) * 1e6) : kNoDeadline;
    }
    std::int64_t max_tiles() const { return max_tiles_; }
    double delay() const { return delay_; }
    const float* committed(py::ssize_t row = 0) const { return given_ ? committed_.data() + row * per_row_ : nullptr; }

 private:
    void set_max_tiles(py::handle value) {
        const py::ssize_t tiles = PyBool_Check(value.ptr()) ? -1 : PyNumber_AsSsize_t(value.ptr(), nullptr);
        if (PyBool_Check(value.ptr()) || PyErr_Occurred()) {
            PyErr_Clear();
            throw py::type_error("max_tiles must be an integer, got " + text_of(value));
        }
        check(tiles >= 0, "max_tiles must be >= 0, got ", tiles);
        max_tiles_ = tiles;
    }
    /// In model steps; seconds that are whole steps but for rounding are whole steps.
    void set_delay(double seconds, double dt) {
        check(std::isfinite(seconds) && seconds >= 0, "delay must be >= 0 seconds and finite, got ", seconds);
        delay_ = seconds / dt;
        if (std::fabs(delay_ - std::round(delay_)) < 1e-6) delay_ = std::round(delay_);
        check(delay_ <= kMostDelay, "delay must be at most ", kMostDelay, " model steps, ", kMostDelay * dt, " seconds, got ",
              seconds);
    }

    std::int64_t entry_;
    double budget_ms_ = INFINITY;
    std::int64_t max_tiles_ = INT64_MAX;
    double delay_ = 0;
    FloatArray committed_;
    bool given_ = false;
    py::ssize_t per_row_ = 0;
};

/// What may change from call to call without another planner, and candidates [P, horizon, action_size] of the caller's own.
class CallSettings {
 public:
    CallSettings(Planner& planner, py::handle candidates, py::handle action_low, py::handle action_high, py::handle temperature) {
        const Problem& problem = planner.problem();
        if (!candidates.is_none()) {
            candidates_ = floats(candidates, {-1, planner.horizon(), problem.action_size}, "candidates");
            planner.reserve_candidates(static_cast<int>(candidates_.shape(0)));
            count_ = static_cast<int>(candidates_.shape(0));
        }
        low_ = bound(problem, action_low, "action_low");
        high_ = bound(problem, action_high, "action_high");
        for (int a = 0; a < problem.action_size; ++a) {
            const float low = low_.empty() ? problem.action_low[a] : low_[a];
            const float high = high_.empty() ? problem.action_high[a] : high_[a];
            check(low <= high, "action_low must be <= action_high, got action_low[", a, "]=", low, ", action_high[", a, "]=", high);
        }
        if (temperature.is_none()) return;
        temperature_ = number(temperature, "temperature");
        check(std::isfinite(temperature_) && temperature_ > 0, "temperature must be > 0 and finite, got ", temperature_);
    }

    PlanRequest with(PlanRequest request) const {
        request.candidates = count_ > 0 ? candidates_.data() : nullptr;
        request.candidate_count = count_;
        request.action_low = low_.empty() ? nullptr : low_.data();
        request.action_high = high_.empty() ? nullptr : high_.data();
        request.temperature = temperature_;
        return request;
    }

 private:
    /// One number for all actions or one each; empty for None.
    static std::vector<float> bound(const Problem& problem, py::handle value, const char* name) {
        const int size = problem.action_size;
        std::vector<float> values;
        if (value.is_none()) return values;
        if (PyFloat_Check(value.ptr()) || PyLong_Check(value.ptr())) {
            values.assign(size, static_cast<float>(number(value, name)));
        } else {
            const FloatArray array = floats(value, {size}, name);
            values.assign(array.data(), array.data() + size);
        }
        for (int a = 0; a < size; ++a)
            check(values[a] >= problem.action_low[a] && values[a] <= problem.action_high[a], name,
                  " must be within the problem's bounds ", problem.action_low[a], "..", problem.action_high[a], ", got ", name, "[",
                  a, "]=", values[a]);
        return values;
    }

    FloatArray candidates_;
    int count_ = 0;
    std::vector<float> low_, high_;
    double temperature_ = NAN;
};

}  // namespace mbrl::bindings
