#include "problem/evaluate.hpp"

#include <algorithm>
#include <cstring>

#include "core/check.hpp"
#include "core/denormals.hpp"
#include "program/executor.hpp"

namespace mbrl {
namespace {

constexpr int kLanes = 64;

class BatchEvaluation {
 public:
    BatchEvaluation(const Program& program, int member, const std::map<std::string, ArgumentValues>& arguments,
                    const Weights* weights)
        : program_(program),
          member_(std::min(member, program.members - 1)),
          arguments_(arguments),
          executor_(program, kLanes),
          lanes_(executor_.lane_floats()),
          uniforms_(executor_.uniform_floats()) {
        if (weights) executor_.use(*weights);
        executor_.write_constants(member_, uniforms_.data());
    }

    /// First candidate after `from` whose uniform inputs differ: a tile never mixes inputs.
    std::int64_t group_end(std::int64_t from, std::int64_t batch) const {
        std::int64_t end = from + 1;
        while (end < batch && same_uniforms(from, end)) ++end;
        return end;
    }

    void start_group(std::int64_t candidate) {
        for (const auto& argument : program_.arguments)
            if (argument.uniform) executor_.write_uniform(argument.name, value(argument, candidate), uniforms_.data());
        executor_.run_prologue(member_, uniforms_.data());
    }

    void run_tile(std::int64_t first, int count, std::map<std::string, std::vector<float>>& outputs) {
        const int width = round_up(count, kLaneGroup);
        for (const auto& argument : program_.arguments) {
            if (argument.uniform || argument.size == 0) continue;
            float* rows = lanes_.data() + executor_.argument_offset(argument.name);
            for (int lane = 0; lane < width; ++lane) {
                const float* values = value(argument, first + std::min(lane, count - 1));
                for (int i = 0; i < argument.size; ++i) rows[static_cast<std::ptrdiff_t>(i) * kLanes + lane] = values[i];
            }
        }
        const Frame frame = executor_.frame(member_, uniforms_.data(), lanes_.data(), width);
        executor_.run(frame);
        float row[kLanes];
        for (auto& [name, values] : outputs) {
            const auto& operands = executor_.output(name);
            for (std::size_t i = 0; i < operands.size(); ++i) {
                read_operand(frame, operands[i], row, width);
                for (int lane = 0; lane < count; ++lane)
                    values[static_cast<std::size_t>(first + lane) * operands.size() + i] = row[lane];
            }
        }
    }

 private:
    const float* value(const Argument& argument, std::int64_t candidate) const {
        const ArgumentValues& values = arguments_.at(argument.name);
        return values.data + (values.rows == 1 ? 0 : candidate * argument.size);
    }
    bool same_uniforms(std::int64_t a, std::int64_t b) const {
        return std::all_of(program_.arguments.begin(), program_.arguments.end(), [&](const Argument& argument) {
            return !argument.uniform || argument.size == 0 ||
                   std::memcmp(value(argument, a), value(argument, b), sizeof(float) * argument.size) == 0;
        });
    }

    const Program& program_;
    int member_;
    const std::map<std::string, ArgumentValues>& arguments_;
    Executor executor_;
    AlignedFloats lanes_, uniforms_;
};

}  // namespace

std::map<std::string, std::vector<float>> evaluate(const Program& program, int member, std::int64_t batch,
                                                   const std::map<std::string, ArgumentValues>& arguments, const Weights* weights) {
    for (const auto& argument : program.arguments)
        check(arguments.contains(argument.name), "program ", program.name, " needs ", argument.name, " [", argument.size, "]");
    const FlushDenormals flush;
    std::map<std::string, std::vector<float>> outputs;
    for (const auto& [name, rows] : program.outputs) outputs[name].resize(static_cast<std::size_t>(batch) * rows.size());
    BatchEvaluation evaluation(program, member, arguments, weights);
    for (std::int64_t from = 0; from < batch;) {
        const std::int64_t end = evaluation.group_end(from, batch);
        evaluation.start_group(from);
        for (std::int64_t first = from; first < end; first += kLanes)
            evaluation.run_tile(first, static_cast<int>(std::min<std::int64_t>(kLanes, end - first)), outputs);
        from = end;
    }
    return outputs;
}

}  // namespace mbrl
