// Keyed noise for planners written in Python: the numbers that the planners of the core draw.
#include "bindings/arrays.hpp"
#include "core/aligned.hpp"
#include "kernels/dispatch.hpp"
#include "planners/noise.hpp"
#include "problem/problem.hpp"

namespace mbrl::bindings {
namespace {

/// Standard normals as rows over candidates, [elements][padded population].
class Rows {
 public:
    Rows(std::uint64_t seed, std::uint32_t stream, std::uint32_t plan, std::uint32_t iteration, int population, int elements)
        : elements_(elements), stride_(round_up(population, kLaneGroup)) {
        values_ = AlignedFloats(static_cast<std::size_t>(round_up(elements, 4)) * static_cast<std::size_t>(stride_));
        draw_normals(noise_key(seed, stream), plan, iteration, elements, 0, stride_, values_.data(), stride_);
    }
    float* row(int element) { return values_.data() + static_cast<std::size_t>(element) * static_cast<std::size_t>(stride_); }
    int stride() const { return stride_; }

    /// A row for every candidate of `to`, whose last axes together are the elements.
    void copy_to(FloatArray& to) {
        float* next = to.mutable_data();
        const py::ssize_t population = to.shape(0);
        for (py::ssize_t n = 0; n < population; ++n)
            for (int e = 0; e < elements_; ++e) *next++ = row(e)[n];
    }

 private:
    int elements_, stride_;
    AlignedFloats values_;
};

FloatArray noise(std::uint64_t seed, std::uint32_t stream, std::uint32_t plan, std::uint32_t iteration, int population,
                 int elements) {
    check(population >= 1 && elements >= 1, "population and elements must be >= 1, got ", population, " and ", elements);
    FloatArray normals({population, elements});
    Rows(seed, stream, plan, iteration, population, elements).copy_to(normals);
    return normals;
}

FloatArray sample(const Problem& problem, py::handle mean_values, py::handle std_values, int population, std::uint64_t seed,
                  std::uint32_t stream, std::uint32_t plan, std::uint32_t iteration) {
    const py::ssize_t a = problem.action_size;
    const FloatArray mean = floats(mean_values, {-1, a}, "mean"), std = floats(std_values, {mean.shape(0), a}, "std");
    check(population >= 1, "population must be >= 1, got ", population);
    const int elements = static_cast<int>(mean.size());
    check(elements >= 1, "mean must hold at least one action, got shape ", shape_text(shape_of(mean)));
    for (int e = 0; e < elements; ++e)
        check(std.data()[e] >= 0, "std must be >= 0, got std[", e / a, ", ", e % a, "] = ", std.data()[e]);
    FloatArray actions({static_cast<py::ssize_t>(population), mean.shape(0), a});
    {
        const py::gil_scoped_release release;
        Rows rows(seed, stream, plan, iteration, population, elements);
        for (int e = 0; e < elements; ++e)
            kernels().affine_clip(rows.row(e), std.data()[e], mean.data()[e], problem.action_low[static_cast<std::size_t>(e % a)],
                                  problem.action_high[static_cast<std::size_t>(e % a)], rows.stride());
        rows.copy_to(actions);
    }
    return actions;
}

}  // namespace

void bind_noise(py::module_& module) {
    module.def("noise", &noise, py::arg("seed"), py::arg("stream"), py::arg("plan"), py::arg("iteration"), py::arg("population"),
               py::arg("elements"), "The standard normals that a planner draws, [population, elements].");
    module.def("sample", &sample, py::arg("problem"), py::arg("mean"), py::arg("std"), py::arg("population"), py::arg("seed"),
               py::arg("stream"), py::arg("plan"), py::arg("iteration"), "See mbrl_fast.Problem.sample.");
}

}  // namespace mbrl::bindings
