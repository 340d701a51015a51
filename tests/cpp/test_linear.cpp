// linear for every size 1..67 against double precision; its bits depend neither on the lanes nor on the other rows.
#include <cmath>
#include <cstring>
#include <random>

#include "kernels/dispatch.hpp"
#include "program/executor.hpp"
#include "test.hpp"

namespace {

constexpr int kStride = 80;

struct Layer {
    mbrl::Tensor weight, bias;
    mbrl::Program program;
};

/// y = activation(W x + b) with random weights, and one weight set per member.
Layer& make(Layer& layer, int in, int out, int members, bool relu, std::mt19937& random) {
    std::normal_distribution<float> number;
    layer.weight = {{members, out, in}, std::vector<float>(static_cast<std::size_t>(members) * out * in)};
    layer.bias = {{members, out}, std::vector<float>(static_cast<std::size_t>(members) * out)};
    for (auto& w : layer.weight.data) w = number(random);
    for (auto& b : layer.bias.data) b = number(random);
    layer.program.name = "test";
    layer.program.members = members;
    layer.program.arguments = {{"x", in, false, 0}};
    mbrl::Instruction instruction;
    instruction.op = mbrl::find_op("linear");
    instruction.relu = relu;
    instruction.weight = &layer.weight;
    instruction.bias = &layer.bias;
    auto& list = instruction.in.emplace_back();
    for (int k = 0; k < in; ++k) list.push_back(k);
    for (int m = 0; m < out; ++m) instruction.out.push_back(in + m);
    layer.program.outputs["y"] = instruction.out;
    layer.program.instructions.push_back(instruction);
    layer.program.finish(nullptr);
    return layer;
}

void poison(mbrl::AlignedFloats& memory) { std::fill_n(memory.data(), memory.size(), std::nanf("")); }

void check_layer(int in, int out, int lanes, bool relu, std::mt19937& random) {
    Layer layer;
    make(layer, in, out, 1, relu, random);
    const mbrl::Executor executor(layer.program, kStride);
    mbrl::AlignedFloats memory(executor.lane_floats());
    poison(memory);
    std::uniform_real_distribution<float> number(-1, 1);
    for (int k = 0; k < in; ++k)
        for (int lane = 0; lane < lanes; ++lane) memory[k * kStride + lane] = number(random);
    const auto frame = executor.frame(0, nullptr, memory.data(), mbrl::round_up(lanes, mbrl::kernels().lanes));
    executor.run(frame);
    for (int m = 0; m < out; ++m) {
        float row[kStride];
        mbrl::read_operand(frame, executor.output("y")[m], row, lanes);
        for (int lane = 0; lane < lanes; ++lane) {
            double expected = layer.bias.data[m], magnitude = std::fabs(expected);
            for (int k = 0; k < in; ++k) {
                const double term = double(layer.weight.data[m * in + k]) * memory[k * kStride + lane];
                expected += term;
                magnitude += std::fabs(term);
            }
            if (relu) expected = std::max(expected, 0.0);
            EXPECT(std::fabs(row[lane] - expected) <= 1e-6 * magnitude, in, " to ", out, ", row ", m, ", lane ", lane, " of ",
                   lanes, ": got ", row[lane], ", expected ", expected);
        }
    }
}

TEST(every_size_of_input_and_output) {
    std::mt19937 random(1);
    for (int in = 1; in <= 67; ++in)
        for (int out = 1; out <= 67; out += 1 + (in % 3)) check_layer(in, out, 1 + (in * 7 + out) % 67, (in + out) % 2, random);
}

TEST(every_number_of_lanes) {
    std::mt19937 random(2);
    for (int lanes = 1; lanes <= 67; ++lanes)
        for (int out : {1, 2, 3, 5, 11, 12, 13, 23, 25}) check_layer(6, out, lanes, false, random);
}

TEST(members_have_their_own_weights) {
    std::mt19937 random(3);
    Layer layer;
    make(layer, 5, 14, 3, false, random);
    const mbrl::Executor executor(layer.program, 16);
    mbrl::AlignedFloats memory(executor.lane_floats());
    for (int member = 0; member < 3; ++member) {
        for (int k = 0; k < 5; ++k) std::fill_n(memory.data() + k * 16, 16, 0.25f * static_cast<float>(k + 1));
        const auto frame = executor.frame(member, nullptr, memory.data(), 16);
        executor.run(frame);
        for (int m = 0; m < 14; ++m) {
            double expected = layer.bias.data[member * 14 + m];
            for (int k = 0; k < 5; ++k) expected += layer.weight.data[(member * 14 + m) * 5 + k] * 0.25 * (k + 1);
            EXPECT(std::fabs(memory[executor.output("y")[m].offset] - expected) < 1e-5, "member ", member, ", row ", m);
        }
    }
}

TEST(a_candidates_bits_do_not_depend_on_its_neighbours) {
    std::mt19937 random(4);
    Layer layer;
    make(layer, 37, 29, 1, true, random);
    const mbrl::Executor executor(layer.program, kStride);
    mbrl::AlignedFloats memory(executor.lane_floats()), alone(executor.lane_floats());
    std::uniform_real_distribution<float> number(-1, 1);
    const int vector = mbrl::kernels().lanes;
    for (int k = 0; k < 37; ++k)
        for (int lane = 0; lane < kStride; ++lane) memory[k * kStride + lane] = number(random);
    executor.run(executor.frame(0, nullptr, memory.data(), kStride));
    for (int lane = 0; lane < kStride; ++lane) {
        poison(alone);
        for (int k = 0; k < 37; ++k) alone[k * kStride] = memory[k * kStride + lane];
        executor.run(executor.frame(0, nullptr, alone.data(), vector));
        for (int m = 0; m < 29; ++m) {
            const int at = executor.output("y")[m].offset;
            EXPECT(std::memcmp(&alone[at], &memory[at + lane], sizeof(float)) == 0, "row ", m, ", lane ", lane);
        }
    }
}

TEST(relu_keeps_nan) {
    std::mt19937 random(5);
    Layer layer;
    make(layer, 2, 3, 1, true, random);
    const mbrl::Executor executor(layer.program, 16);
    mbrl::AlignedFloats memory(executor.lane_floats());
    memory[3] = std::nanf("");
    executor.run(executor.frame(0, nullptr, memory.data(), 16));
    for (int m = 0; m < 3; ++m)
        for (int lane = 0; lane < 16; ++lane)
            EXPECT(std::isnan(memory[executor.output("y")[m].offset + lane]) == (lane == 3), "row ", m, ", lane ", lane);
}

}  // namespace

TEST_MAIN
