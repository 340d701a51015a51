// A planner with one thread calls the system never: it plans in a child process that the kernel kills at the first call.
#include "sanitized.hpp"

#if defined(__linux__) && !MBRL_SANITIZED

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <fstream>

#include "planner_call.hpp"
#include "planning.hpp"
#include "test.hpp"

namespace {

constexpr int kRefused = 99;  // the kernel has no filter for us

/// From here on, anything but leaving is the end. Returns whether the kernel agreed.
bool forbid_system_calls() {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const sock_fprog filter = {sizeof program / sizeof program[0], program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

enum class End { returned, killed, refused };

/// Prepares, then runs the body of `prepare()` without system calls, in a child.
template <class Prepare>
End without_system_calls(Prepare prepare) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        auto body = prepare();
        if (!forbid_system_calls()) syscall(SYS_exit_group, kRefused);
        body();
        syscall(SYS_exit_group, 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) {
        EXPECT(WTERMSIG(status) == SIGSYS, "signal ", WTERMSIG(status));
        return End::killed;
    }
    EXPECT(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == kRefused, "status ", WEXITSTATUS(status));
    return WEXITSTATUS(status) == kRefused ? End::refused : End::returned;
}

TEST(the_kernel_kills_who_calls_it) {
    EXPECT(without_system_calls([] { return [] { syscall(SYS_getpid); }; }) == End::killed);
}

/// A planner and what it needs, alive in the child.
struct Planning {
    mbrl::CEM planner;
    std::vector<float> goal = {0.3f, -0.2f}, wind;
    Planning(const mbrl::CEMSettings& settings)
        : planner(test::everything().load(), settings),
          wind(static_cast<std::size_t>(settings.horizon * settings.steps_per_knot), 0.1f) {}
    void run(int plans, bool deadline) {
        const mbrl::InputValues inputs = {goal.data(), wind.data()};
        const float previous = 0;
        for (int i = 0; i < plans; ++i) {
            const float state[] = {0.01f * static_cast<float>(i % 50), 0.4f};
            if (deadline)
                test::plan_until(planner, state, &previous, inputs, std::chrono::milliseconds(1));
            else
                test::plan_once(planner, state, &previous, inputs, i % 3);
        }
    }
};

End plans(const mbrl::CEMSettings& settings, int count, bool deadline) {
    return without_system_calls([&] {
        auto planning = std::make_shared<Planning>(settings);
        planning->run(2, deadline);
        return [=] { planning->run(count, deadline); };
    });
}

mbrl::CEMSettings tiny() {
    mbrl::CEMSettings settings;
    settings.population = 16;
    settings.elites = 4;
    settings.iterations = 1;
    settings.horizon = 5;
    settings.steps_per_knot = 1;
    settings.warm_start = true;
    return settings;
}

TEST(a_million_tiny_plans_call_the_system_never) { EXPECT(plans(tiny(), 1000000, false) == End::returned); }

TEST(plans_with_every_feature_call_the_system_never) { EXPECT(plans(test::rich_settings(), 2000, false) == End::returned); }

TEST(plans_with_a_deadline_call_the_system_never) {
    const End clock = without_system_calls([] { return [] { (void)std::chrono::steady_clock::now(); }; });
    if (clock == End::killed) {
        std::string source = "unknown";
        std::ifstream("/sys/devices/system/clocksource/clocksource0/current_clocksource") >> source;
        std::printf("  not tested: reading the clock is a system call on this machine (clock source %s)\n", source.c_str());
        return;
    }
    EXPECT(plans(tiny(), 100000, true) == End::returned);
}

}  // namespace

int main() {
    if (without_system_calls([] { return [] {}; }) == End::refused) {
        std::puts("skipped: this kernel lets nobody forbid system calls (seccomp)");
        return 77;
    }
    return test::run_all();
}

#else

#include <cstdio>

int main() {
    std::puts("skipped: system calls can be forbidden on Linux and without a sanitizer only");
    return 77;
}

#endif
