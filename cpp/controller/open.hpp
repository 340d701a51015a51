// A Problem file from a path: for programs without Python, which reads files itself.
#pragma once

#include <memory>
#include <string>

#include "problem/problem.hpp"

namespace mbrl {

/// Throws Error with one sentence when the file cannot be read or is no valid Problem.
std::shared_ptr<Problem> open_problem(const std::string& path);

}  // namespace mbrl
