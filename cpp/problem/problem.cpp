#include "problem/problem.hpp"

#include <algorithm>
#include <cmath>

#include "core/check.hpp"
#include "program/interval.hpp"

namespace mbrl {

int Input::size() const {
    int product = 1;
    for (int n : shape) product *= n;
    return product;
}

const Program* Problem::find_program(const std::string& name) const {
    const auto found = programs.find(name);
    return found == programs.end() ? nullptr : &found->second;
}

const Program& Problem::program(const std::string& name) const {
    const Program* found = find_program(name);
    check(found != nullptr, "this problem has no ", name, ": export it with one");
    return *found;
}

const Input* Problem::find_input(const std::string& name) const {
    for (const auto& input : inputs)
        if (input.name == name) return &input;
    return nullptr;
}

std::shared_ptr<const WeightSet> Problem::newest_weights() const {
    if (auto newest = weights.newest()) return newest;
    auto own = std::make_shared<WeightSet>();
    for (const auto& [name, program] : programs) own->programs.emplace(name, program.weights());
    own->bounds = bounds;
    return own;
}

std::uint64_t Problem::assign_weights(const Problem& other) {
    check(graph == other.graph, "new weights must come with the same graph: export the new modules as a new problem");
    auto next = std::make_shared<WeightSet>(*other.newest_weights());
    for (const auto& [name, program] : programs) program.check_weights(*next->programs.at(name));
    auto vectors = other.test_vectors;
    const std::lock_guard lock(assigning);
    for (const auto& [name, derived] : derived_programs)
        next->programs[name] = derived->weights(*next->programs.at(derived->original().name));
    test_vectors = std::move(vectors);
    return weights.publish(std::move(next));
}

const DerivedProgram& Problem::derived(const std::string& name,
                                       const std::function<std::unique_ptr<DerivedProgram>()>& make) const {
    const std::lock_guard lock(assigning);
    auto& held = derived_programs[name];
    if (!held) held = make();
    return *held;
}

std::shared_ptr<const WeightSet> Problem::weights_with_derived(std::uint64_t* version) const {
    const std::lock_guard lock(assigning);
    auto newest = weights.newest(version);
    if (!newest) return nullptr;
    auto all = std::make_shared<WeightSet>(*newest);
    for (const auto& [name, derived] : derived_programs) {
        auto& held = all->programs[name];
        if (!held) held = derived->weights(*all->programs.at(derived->original().name));
    }
    return all;
}

void Problem::derive_bounds() {
    std::vector<Interval> actions;
    for (int a = 0; a < action_size; ++a) actions.push_back({action_low[a], action_high[a]});
    // The first previous action is whatever was executed last: nobody promises that it lies within the bounds.
    const ArgumentIntervals arguments = {{"action", actions}, {"time", {{0, std::numeric_limits<double>::infinity()}}}};
    const auto most = [&](const Program* program, const std::string& output) {
        const auto rows = program ? output_intervals(*program, output, arguments) : std::vector<Interval>{};
        return rows.empty() ? std::numeric_limits<double>::infinity() : rows[0].high;
    };
    bounds.reward = std::min(most(find_program("step"), "reward"), loosened({declared_bound, declared_bound}).high);
    bounds.terminal = most(find_program("terminal_value"), "value");
}

namespace {

constexpr std::int64_t kMaxUniformRows = 1 << 22;  // of 64 bytes, 256 MiB

void check_output(const Program& program, const std::string& output, int size, bool required) {
    const auto found = program.outputs.find(output);
    if (found == program.outputs.end()) {
        check(!required, "program ", program.name, " must have an output ", output);
        return;
    }
    check(static_cast<int>(found->second.size()) == size, "program ", program.name, ": output ", output, " must have ", size,
          " rows, got ", found->second.size());
}

void check_arguments(const Problem& problem, const Program& program) {
    const std::map<std::string, int> lanes = {{"state", problem.state_size},
                                              {"action", problem.action_size},
                                              {"previous_action", problem.action_size},
                                              {"noise", problem.state_size},
                                              {"time", 1}};
    for (const auto& argument : program.arguments) {
        if (program.name == "observe") continue;  // its observation has the environment's own size
        int size = -1;
        bool uniform = false;
        if (const auto found = lanes.find(argument.name); found != lanes.end()) {
            size = found->second;
        } else if (const Input* input = problem.find_input(argument.name)) {
            size = input->size();
            uniform = !input->per_step;
        }
        check(size >= 0, "program ", program.name, ": argument ", argument.name,
              " is neither state, action, previous_action, time, noise nor a run-time input");
        check(argument.size == size && argument.uniform == uniform, "program ", program.name, ": argument ", argument.name,
              " must have ", size, uniform ? " uniform" : " lane", " rows, got ", argument.size,
              argument.uniform ? " uniform" : " lane");
    }
}

/// A rollout holds the uniform rows once per member: a few bytes in the file may not ask for gigabytes.
void check_uniforms(const Problem& problem, const Program& program) {
    const std::int64_t rows = std::int64_t{program.uniform_rows()} * problem.members;
    check(rows <= kMaxUniformRows, "program ", program.name, ": must have at most ", kMaxUniformRows,
          " constant and uniform rows over all members, got ", rows);
}

}  // namespace

void Problem::validate() const {
    check(std::isfinite(dt) && dt > 0, "dt must be > 0 seconds, got ", dt);
    check(static_cast<int>(action_low.size()) == action_size && static_cast<int>(action_high.size()) == action_size,
          "action_low and action_high must have ", action_size, " values, got ", action_low.size(), " and ", action_high.size());
    for (int a = 0; a < action_size; ++a)
        check(std::isfinite(action_low[a]) && std::isfinite(action_high[a]) && action_low[a] <= action_high[a],
              "action_low must be <= action_high and both finite, got action_low[", a, "]=", action_low[a], ", action_high[", a,
              "]=", action_high[a]);
    const Program& step = program("step");
    check(step.find_argument("state") != nullptr, "program step must have an argument state");
    check_output(step, "next_state", state_size, true);
    check_output(step, "reward", 1, false);
    check_output(step, "termination", 1, false);
    check_output(step, "std", state_size, false);
    if (const Program* terminal = find_program("terminal_value")) check_output(*terminal, "value", 1, true);
    if (const Program* policy = find_program("policy")) check_output(*policy, "action", action_size, true);
    for (const auto& [name, program] : programs) {
        check_arguments(*this, program);
        check_uniforms(*this, program);
    }
    if (const Program* terminal = find_program("terminal_value"))
        for (const auto& argument : terminal->arguments)
            check(argument.uniform || argument.name == "state",
                  "terminal_value must depend on state and inputs that are not per step, it uses ", argument.name);
}

}  // namespace mbrl
