// The only NumPy code: arrays checked once at the door, with sentences that name the thing, the rule and the value.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/check.hpp"

namespace mbrl::bindings {

namespace py = pybind11;
using FloatArray = py::array_t<float, py::array::c_style>;

inline std::string shape_text(const std::vector<py::ssize_t>& shape) {
    std::string text = "[";
    for (std::size_t i = 0; i < shape.size(); ++i)
        text += (i ? ", " : "") + (shape[i] < 0 ? std::string("any") : std::to_string(shape[i]));
    return text + "]";
}

inline std::vector<py::ssize_t> shape_of(const py::array& array) { return {array.shape(), array.shape() + array.ndim()}; }

/// float32 and float64 arrays, lists of numbers and CPU tensors → contiguous float32. TypeError for anything else.
inline FloatArray to_floats(py::handle value, const std::string& name) {
    if (FloatArray::check_(value)) return py::reinterpret_borrow<FloatArray>(value);
    const bool is_list = py::isinstance<py::list>(value) || py::isinstance<py::tuple>(value);
    py::array array;
    try {
        array = py::module_::import("numpy").attr("asarray")(value);
    } catch (py::error_already_set& error) {
        if (!error.matches(PyExc_Exception)) throw;
        throw py::type_error(name + " must be an array of floats: " + error.what());
    }
    const char kind = array.dtype().kind();
    const bool number = kind == 'f' || (is_list && (kind == 'i' || kind == 'u'));
    if (!number || (kind == 'f' && array.dtype().itemsize() != 4 && array.dtype().itemsize() != 8))
        throw py::type_error(name + " must be float32 or float64, got dtype " + py::str(array.dtype()).cast<std::string>());
    // Not ensure(): it hides a warning that was turned into an error.
    return FloatArray(array.attr("astype")("float32", py::arg("order") = "C").cast<py::array>());
}

/// Checks a shape; -1 allows any size.
inline void check_shape(const py::array& array, const std::vector<py::ssize_t>& shape, const std::string& name) {
    bool same = array.ndim() == static_cast<py::ssize_t>(shape.size());
    for (std::size_t i = 0; same && i < shape.size(); ++i) same = shape[i] < 0 || array.shape(i) == shape[i];
    check(same, name, " must have shape ", shape_text(shape), ", got ", shape_text(shape_of(array)));
}

/// NaN and infinities are refused by their index.
inline void check_finite(const FloatArray& array, const std::string& name) {
    const float* data = array.data();
    for (py::ssize_t i = 0; i < array.size(); ++i) {
        if (std::isfinite(data[i])) continue;
        std::string index;
        py::ssize_t rest = i;
        for (py::ssize_t axis = array.ndim() - 1; axis >= 0; --axis) {
            index = std::to_string(rest % array.shape(axis)) + (index.empty() ? "" : ", " + index);
            rest /= array.shape(axis);
        }
        fail(name, " must be finite, got ", name, "[", index, "] = ", data[i]);
    }
}

inline FloatArray floats(py::handle value, const std::vector<py::ssize_t>& shape, const std::string& name) {
    FloatArray array = to_floats(value, name);
    check_shape(array, shape, name);
    check_finite(array, name);
    return array;
}

/// A fresh array owned by the caller.
inline FloatArray copy_out(const float* data, const std::vector<py::ssize_t>& shape) {
    FloatArray array(shape);
    std::copy_n(data, array.size(), array.mutable_data());
    return array;
}

}  // namespace mbrl::bindings
