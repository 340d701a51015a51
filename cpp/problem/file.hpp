// The Problem file: a safetensors container whose metadata holds the graph. A file is data, nothing in it is executed.
#pragma once

#include <memory>
#include <string_view>

#include "problem/problem.hpp"

namespace mbrl {

inline constexpr const char* kFormat = "mbrl_fast";
inline constexpr int kFormatVersion = 1;

/// Throws Error with one sentence for a file that is damaged, hostile, newer or not ours.
std::shared_ptr<Problem> load_problem(std::string_view bytes);

}  // namespace mbrl
