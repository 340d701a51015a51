// The whole test framework: named tests, checks that print what they compared, a main that runs all of them.
#pragma once

#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "core/check.hpp"

namespace test {

struct Case {
    const char* name;
    void (*run)();
};

inline std::vector<Case>& cases() {
    static std::vector<Case> all;
    return all;
}

inline int& failures() {
    static int count = 0;
    return count;
}

struct Registration {
    Registration(const char* name, void (*run)()) { cases().push_back({name, run}); }
};

template <class... Parts>
void report(const char* file, int line, const Parts&... parts) {
    if (++failures() > 20) return;  // one broken thing is usually broken everywhere
    std::ostringstream text;
    (text << ... << parts);
    std::fprintf(stderr, "  %s:%d: %s\n", file, line, text.str().c_str());
}

/// The sentence of the mbrl::Error that `call` throws, or "" when it throws none.
template <class Call>
std::string error_of(Call&& call) {
    try {
        call();
    } catch (const mbrl::Error& error) {
        return error.what();
    }
    return "";
}

inline int run_all() {
    for (const Case& item : cases()) {
        const int before = failures();
        try {
            item.run();
        } catch (const std::exception& error) {
            report(item.name, 0, "unexpected exception: ", error.what());
        }
        std::printf("%s %s\n", failures() == before ? "ok    " : "FAILED", item.name);
    }
    return failures() == 0 ? 0 : 1;
}

}  // namespace test

#define TEST(NAME)                                                   \
    static void NAME();                                              \
    static const test::Registration registered_##NAME{#NAME, &NAME}; \
    static void NAME()

/// EXPECT(condition, what, to, print, when, it, fails)
#define EXPECT(CONDITION, ...)                                                                           \
    do {                                                                                                 \
        if (!(CONDITION)) test::report(__FILE__, __LINE__, #CONDITION __VA_OPT__(, ": ", ) __VA_ARGS__); \
    } while (false)

/// The call must throw mbrl::Error with a sentence that contains PART.
#define EXPECT_ERROR(CALL, PART)                                                                               \
    do {                                                                                                       \
        const std::string sentence = test::error_of([&] { CALL; });                                            \
        if (sentence.find(PART) == std::string::npos)                                                          \
            test::report(__FILE__, __LINE__, "expected an error with \"", PART, "\", got \"", sentence, "\""); \
    } while (false)

#define TEST_MAIN \
    int main() { return test::run_all(); }
