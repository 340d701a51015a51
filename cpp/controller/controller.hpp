// A control loop around CEM: a slow planning thread, a fast loop that reads actions, a watchdog over both.
//
//   sensor thread     measure(state, time)        ─┐  each of these is for one thread at a time, and any of them may be
//   planning thread   replan(), or start()/stop() ─┤  the same thread; none of them waits for another, locks, allocates
//   control thread    action_at(time, action)     ─┘  or throws
//
// Times are nanoseconds of std::chrono::steady_clock since its epoch, as now() gives them; durations in settings are seconds.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "controller/command_log.hpp"
#include "controller/counters.hpp"
#include "controller/handover.hpp"
#include "planners/cem.hpp"

namespace mbrl {

/// CEM with the defaults of the Python planner: warm start, kept elites, a floor under the spread, the best candidate.
CEMSettings control_settings();

struct ControllerSettings {
    CEMSettings planner = control_settings();
    double budget = 0.02;            // a plan may take this long
    double delay = 0;                // from action_at() until the plant feels it
    double stale_after = 0.2;        // a state this old is no longer planned from; its plan is still followed ...
    double safe_after = 0.5;         // ... until the state is this old. Both are more than a planning period and its budget
    std::vector<float> safe_action;  // [action_size]; empty: the middle of the bounds

    void validate(const Problem& problem) const;  // throws Error
};

enum class ControlStatus {
    ok,     // from a plan made of a fresh state
    stale,  // the state that the plan was made of is older than stale_after: no measurement or no plan has come since
    safe,   // the safe action: no plan yet, that state is older than safe_after, or the plan has ended
};

class Controller {
 public:
    /// Allocates everything and evaluates nothing. Throws Error for bad settings.
    Controller(std::shared_ptr<const Problem> problem, ControllerSettings settings);
    ~Controller();
    Controller(const Controller&) = delete;
    Controller& operator=(const Controller&) = delete;

    static std::int64_t now() noexcept;
    const Problem& problem() const { return planner_.problem(); }
    const ControllerSettings& settings() const { return settings_; }

    // Sensor thread.

    /// A run-time input, [size] or, per step, [horizon · steps_per_knot, size] from the plan's begin on. Is handed over with
    /// the next measurement. False, and nothing changes: an unknown name, another count, or a number that is not finite.
    bool set_input(std::string_view name, const float* values, std::size_t count) noexcept;
    /// The plant's state [state_size] at `time`. False, and nothing changes: a number that is not finite, or an input that
    /// was never set.
    bool measure(const float* state, std::int64_t time = now()) noexcept;

    // Planning thread.

    /// Plans from the newest measurement and hands the plan over. False: there is no new measurement, it is stale, or not one
    /// candidate could be evaluated; then the last plan stays in force until the watchdog ends it.
    bool replan(std::int64_t time = now()) noexcept;
    /// A thread that calls replan() every `period` seconds; stop() ends it, as does the destructor. Throws what std::thread throws.
    void start(double period);
    void stop() noexcept;

    // Control thread.

    /// The action [action_size] to send to the plant now: always finite and within the bounds.
    ControlStatus action_at(std::int64_t time, float* action) noexcept;

    /// From any thread.
    Counts counts() const noexcept { return counters_.read(); }

 private:
    struct Situation {
        std::int64_t time = kNever;
        std::vector<float> state;
        std::vector<std::vector<float>> inputs;  // in the order of Problem::inputs
    };
    struct Motion {
        std::int64_t measured = 0;   // the time of the state that it was planned from, for which its first action is
        std::vector<float> actions;  // [horizon, action_size]
        bool planned = false;
    };
    bool plan_from(const Situation& situation);
    void collect_committed(const Situation& situation);
    void keep_planning(std::int64_t period) noexcept;

    ControllerSettings settings_;
    CEM planner_;
    std::int64_t step_, knot_, delay_, budget_, stale_after_, safe_after_;  // nanoseconds
    double delay_steps_;                                                    // model steps
    Counters counters_;

    Situation noticed_;  // of the sensor thread
    std::vector<char> given_;
    Handover<Situation> situations_;

    std::vector<float> committed_, previous_action_;  // of the planning thread
    InputValues inputs_;
    std::int64_t last_measured_ = kNever;
    Handover<Motion> motions_;

    CommandLog commands_;  // of the control thread
    Handover<CommandLog> sent_;

    std::mutex mutex_;  // of start() and stop()
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace mbrl
