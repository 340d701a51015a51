#include "problem/quadratic.hpp"

#include <algorithm>
#include <atomic>

#include "core/check.hpp"
#include "core/denormals.hpp"

namespace mbrl {
namespace {

constexpr int kLanes = 64;  // of a tile

/// A PSD matrix of one point is a sum of outer products over its residuals.
void add_outer(float* matrix, const float* z, int size, float factor) {
    for (int i = 0; i < size; ++i) {
        const float row = factor * z[i];
        for (int j = 0; j < size; ++j) matrix[i * size + j] += row * z[j];
    }
}

}  // namespace

QuadraticModel::QuadraticModel(std::shared_ptr<const Problem> problem, int steps, std::shared_ptr<ThreadPool> pool,
                               QuadraticSettings settings)
    : problem_(std::move(problem)),
      steps_(steps),
      pool_(std::move(pool)),
      settings_(settings),
      inputs_(*problem_, std::max(steps, 1)) {
    check(steps >= 1, "steps must be >= 1, got ", steps);
    check(settings.member >= -1 && settings.member < problem_->members, "member must be in -1..", problem_->members - 1, ", got ",
          settings.member);
    check(settings.smoothing > 0, "smoothing must be > 0, got ", settings.smoothing);
    const std::size_t s = problem_->state_size, a = problem_->action_size, n = steps;
    const bool previous = problem_->program("step").find_argument("previous_action") != nullptr;
    variables_ = static_cast<int>(s + a + (previous ? a : 0));
    step_ = expansion("step", "reward", "next_state", steps);
    std::size_t floats = step_.program->executor().lane_floats();
    if (problem_->find_program("terminal_value")) {
        terminal_ = expansion("terminal_value", "value", "", 1);
        floats = std::max(floats, terminal_.program->executor().lane_floats());
    }
    for (int thread = 0; thread < pool_->threads(); ++thread) lanes_.emplace_back(floats);
    const std::size_t v = variables_;
    jacobian_.resize(n * s * v);
    rewards_.resize(n);
    gradient_.resize(n * v);
    curvature_.resize(n * v * v);
    terminal_gradient_.resize(s);
    terminal_curvature_.resize(s * s);
    previous_action_.resize(a);
    first_weights_ = weights_ = problem_->weights_with_derived(&version_);
    use_weights();
}

QuadraticModel::Expansion QuadraticModel::expansion(const std::string& program, const std::string& objective,
                                                    const std::string& through, int points) {
    std::ostringstream name;
    name << "curvature of " << objective << " of " << program << " smoothed by " << std::hexfloat << settings_.smoothing;
    const std::vector<std::string> arguments = {"state", "action", "previous_action"};
    const Program& original = problem_->program(program);
    const Program& derived =
        problem_
            ->derived(name.str(),
                      [&] { return mbrl::curvature(original, {name.str(), objective, through, arguments, settings_.smoothing}); })
            .program();
    Expansion made;
    made.program = std::make_unique<PlacedProgram>(*problem_, derived, kLanes);
    const Executor& executor = made.program->executor();
    made.by_through = executor.argument_offset(cotangent_of(through));
    made.by_objective = executor.argument_offset(cotangent_of(objective));
    made.by_residual = executor.argument_offset(cotangent_of(kResidual));
    made.has_objective = made.by_objective >= 0;
    if (made.has_objective) made.objective = executor.output(objective)[0];
    made.factors = executor.output(kCurvature);
    made.through = through.empty() ? 0 : problem_->state_size;
    made.residuals = static_cast<int>(made.factors.size());
    made.lanes_each = made.through + made.has_objective + made.residuals;
    made.variables = through.empty() ? problem_->state_size : variables_;
    const Operand none{-1, 0};
    const auto append = [&](const std::string& argument, int size) {
        auto rows = executor.output(gradient_of(argument));
        rows.resize(size, none);
        made.gradients.insert(made.gradients.end(), rows.begin(), rows.end());
    };
    append("state", problem_->state_size);
    if (!through.empty()) append("action", problem_->action_size);
    if (!through.empty() && has_previous_action()) append("previous_action", problem_->action_size);
    made.lane_gradients.resize(static_cast<std::size_t>(points) * made.lanes_each * made.variables);
    made.lane_factors.resize(static_cast<std::size_t>(points) * made.residuals);
    made.values.resize(points);
    return made;
}

void QuadraticModel::use_weights() {
    for (Expansion* expansion : {&step_, &terminal_})
        if (expansion->program) expansion->program->use(weights_.get());
    prepared_ = false;
}

void QuadraticModel::take_weights() {
    if (problem_->weights.take(version_, weights_)) use_weights();
}

void QuadraticModel::share_weights(const Rollout& other) {
    if (version_ == other.weights_version()) return;
    weights_ = other.weights();
    version_ = other.weights_version();
    use_weights();
}

void QuadraticModel::start(const float* previous_action, const InputValues& inputs, bool take_newer) {
    if (take_newer) take_weights();
    for (std::size_t a = 0; a < previous_action_.size(); ++a) previous_action_[a] = previous_action ? previous_action[a] : 0.0f;
    if (!inputs_.load(inputs) && prepared_) return;
    for (Expansion* expansion : {&step_, &terminal_})
        if (expansion->program) expansion->program->prepare(inputs_);
    prepared_ = true;
}

bool QuadraticModel::run(const float* states, const float* actions, int count, int first_step, std::int64_t deadline) {
    for (std::vector<float>* values : {&jacobian_, &rewards_, &gradient_, &curvature_, &terminal_gradient_, &terminal_curvature_})
        std::fill(values->begin(), values->end(), 0.0f);
    terminal_value_ = 0;
    const Out steps{jacobian_.data(), rewards_.data(), gradient_.data(), curvature_.data()};
    if (!run_expansion(step_, {states, actions, count, first_step}, deadline, steps)) return false;
    if (!terminal_.program) return true;
    const float* last = states + static_cast<std::ptrdiff_t>(count) * problem_->state_size;
    const Out end{nullptr, &terminal_value_, terminal_gradient_.data(), terminal_curvature_.data()};
    return run_expansion(terminal_, {last, nullptr, 1, 0}, deadline, end);
}

/// All lanes of all points, by tiles; then each point is put together, members in their order.
bool QuadraticModel::run_expansion(Expansion& expansion, const Points& points, std::int64_t deadline, const Out& out) {
    const int first = std::max(settings_.member, 0), end = settings_.member < 0 ? problem_->members : first + 1;
    const int tiles = (points.count * expansion.lanes_each + kLanes - 1) / kLanes;
    for (int member = first; member < end; ++member) {
        std::atomic<bool> cut{false};
        pool_->for_each(tiles, [&](int tile, int thread) {
            if (deadline != kNoDeadline && (cut.load(std::memory_order_relaxed) || now_ns() >= deadline)) {
                cut.store(true, std::memory_order_relaxed);
                return;
            }
            const FlushDenormals flush;
            run_tile(expansion, points, member, tile, thread);
        });
        if (cut.load()) return false;
        add(expansion, points.count, 1.0f / static_cast<float>(end - first), out);
    }
    return true;
}

void QuadraticModel::run_tile(Expansion& expansion, const Points& points, int member, int tile, int thread) {
    float* lanes = lanes_[thread].data();
    const int first = tile * kLanes, live = std::min(kLanes, points.count * expansion.lanes_each - first);
    const int width = round_up(live, kLaneGroup);
    for (int lane = 0; lane < width; ++lane) {  // those behind the last are the last again
        const int at = first + std::min(lane, live - 1);
        load_lane(expansion, points, lanes, lane, at / expansion.lanes_each, at % expansion.lanes_each);
    }
    const Frame frame = expansion.program->frame(member, lanes, width);
    expansion.program->executor().run(frame);
    const auto value = [&](Operand row, int lane) {
        return row.offset < 0 ? 0.0f : row.advance ? frame.lanes[row.offset + lane] : frame.uniforms[row.offset];
    };
    for (int lane = 0; lane < live; ++lane) {
        const int at = first + lane, point = at / expansion.lanes_each;
        float* gradient = expansion.lane_gradients.data() + static_cast<std::ptrdiff_t>(at) * expansion.variables;
        for (int v = 0; v < expansion.variables; ++v) gradient[v] = value(expansion.gradients[v], lane);
        if (at % expansion.lanes_each != expansion.through || !expansion.has_objective) continue;
        expansion.values[point] = value(expansion.objective, lane);
        for (int k = 0; k < expansion.residuals; ++k)
            expansion.lane_factors[static_cast<std::size_t>(point) * expansion.residuals + k] = value(expansion.factors[k], lane);
    }
}

/// The point's arguments, and the unit cotangent that the lane's role in its point asks for.
void QuadraticModel::load_lane(const Expansion& expansion, const Points& points, float* lanes, int lane, int point,
                               int role) const {
    const auto put = [&](int at, int i) -> float& { return lanes[at + static_cast<std::ptrdiff_t>(i) * kLanes + lane]; };
    const PlacedProgram& program = *expansion.program;
    const int s = problem_->state_size, a = problem_->action_size;
    if (program.state >= 0)
        for (int i = 0; i < s; ++i) put(program.state, i) = points.states[point * s + i];
    if (program.action >= 0)
        for (int i = 0; i < a; ++i) put(program.action, i) = points.actions[point * a + i];
    if (program.previous_action >= 0) {
        const float* previous = point > 0 ? points.actions + static_cast<std::ptrdiff_t>(point - 1) * a : previous_action_.data();
        for (int i = 0; i < a; ++i) put(program.previous_action, i) = previous[i];
    }
    program.load_step(inputs_, points.first_step + point, lanes, lane, 1);
    if (expansion.by_through >= 0)
        for (int i = 0; i < expansion.through; ++i) put(expansion.by_through, i) = role == i ? 1.0f : 0.0f;
    role -= expansion.through;
    if (expansion.has_objective) put(expansion.by_objective, 0) = role-- == 0 ? 1.0f : 0.0f;
    for (int k = 0; k < expansion.residuals; ++k) put(expansion.by_residual, k) = role == k ? 1.0f : 0.0f;
}

void QuadraticModel::add(const Expansion& expansion, int count, float share, const Out& out) const {
    const int v = expansion.variables, through = expansion.through, residuals = expansion.residuals;
    for (int point = 0; point < count; ++point) {
        const float* rows = expansion.lane_gradients.data() + static_cast<std::ptrdiff_t>(point) * expansion.lanes_each * v;
        if (out.jacobian)
            for (int i = 0; i < through * v; ++i)
                out.jacobian[static_cast<std::ptrdiff_t>(point) * through * v + i] += share * rows[i];
        if (!expansion.has_objective) continue;
        rows += static_cast<std::ptrdiff_t>(through) * v;
        out.values[point] += share * expansion.values[point];
        for (int i = 0; i < v; ++i) out.gradient[static_cast<std::ptrdiff_t>(point) * v + i] += share * rows[i];
        for (int k = 0; k < residuals; ++k) {
            const float factor = expansion.lane_factors[static_cast<std::size_t>(point) * residuals + k];
            add_outer(out.curvature + static_cast<std::ptrdiff_t>(point) * v * v, rows + static_cast<std::ptrdiff_t>(k + 1) * v, v,
                      share * factor);
        }
    }
}

}  // namespace mbrl
