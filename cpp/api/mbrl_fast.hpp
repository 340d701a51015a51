// The C++ interface for programs without Python: find_package(mbrl_fast), link mbrl_fast::mbrl_fast, include this.
#pragma once

#include "controller/controller.hpp"
#include "controller/open.hpp"
#include "core/check.hpp"
#include "planners/cem.hpp"
#include "problem/file.hpp"

namespace mbrl_fast = mbrl;
