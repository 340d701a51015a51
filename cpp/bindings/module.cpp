// The module: declares one function per room and calls it.
#include <pybind11/pybind11.h>

#include "core/check.hpp"

namespace mbrl::bindings {
void bind_operations(pybind11::module_& module);
void bind_problem(pybind11::module_& module);
void bind_rollouts(pybind11::module_& module);
void bind_planners(pybind11::module_& module);
void bind_noise(pybind11::module_& module);
void bind_settings(pybind11::module_& module);
void bind_gradients(pybind11::module_& module);
}  // namespace mbrl::bindings

PYBIND11_MODULE(_core, module) {
    module.doc() = "The C++ core of mbrl_fast: Problem files, rollouts and planners.";
    pybind11::register_exception_translator([](std::exception_ptr pointer) {
        try {
            if (pointer) std::rethrow_exception(pointer);
        } catch (const mbrl::Error& error) {
            // A damaged file's bytes may be part of the sentence: what is no UTF-8 becomes a replacement character.
            const std::string sentence = error.what();
            pybind11::set_error(PyExc_ValueError,
                                pybind11::reinterpret_steal<pybind11::object>(PyUnicode_DecodeUTF8(
                                    sentence.data(), static_cast<pybind11::ssize_t>(sentence.size()), "replace")));
        }
    });
    mbrl::bindings::bind_operations(module);
    mbrl::bindings::bind_problem(module);
    mbrl::bindings::bind_rollouts(module);
    mbrl::bindings::bind_planners(module);
    mbrl::bindings::bind_noise(module);
    mbrl::bindings::bind_settings(module);
    mbrl::bindings::bind_gradients(module);
}
