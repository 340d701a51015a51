// What every fuzzed file goes through: load it, and when it loads, plan with it.
#pragma once

#include <string_view>

namespace fuzz {

enum class Outcome { refused, loaded, planned };

/// Aborts when a rule of the loader or of a plan is broken; `loaded` is a Problem too large to plan with here, or without a reward.
Outcome try_file(std::string_view bytes);

}  // namespace fuzz
