// A rule that does not hold becomes one sentence: the thing, the rule and the value.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace mbrl {

/// Thrown for every bad value, shape or file. Bindings turn it into Python's ValueError.
class Error : public std::invalid_argument {
 public:
    using std::invalid_argument::invalid_argument;
};

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
    std::ostringstream sentence;
    (sentence << ... << parts);
    throw Error(sentence.str());
}

template <class... Parts>
void check(bool holds, const Parts&... parts) {
    if (!holds) fail(parts...);
}

}  // namespace mbrl
