// Programs that break a rule: each gets the sentence that names it.
#include "kernels/dispatch.hpp"
#include "program/executor.hpp"
#include "test.hpp"

namespace {

mbrl::Instruction instruction(const char* op, std::vector<std::vector<int>> in, std::vector<int> out) {
    mbrl::Instruction result;
    result.op = mbrl::find_op(op);
    result.in = std::move(in);
    result.out = std::move(out);
    return result;
}

/// Rows 0 1 x (lane), 2 c (uniform); the instructions come from row 3 on.
mbrl::Program program(std::vector<mbrl::Instruction> instructions) {
    mbrl::Program result;
    result.name = "step";
    result.arguments = {{"x", 2, false, 0}, {"c", 1, true, 0}};
    result.instructions = std::move(instructions);
    return result;
}

void finish(std::vector<mbrl::Instruction> instructions) { program(std::move(instructions)).finish(nullptr); }

TEST(rows_are_constants_then_arguments_then_results) {
    auto p = program({instruction("add", {{0}, {2}}, {3})});
    p.finish(nullptr);
    EXPECT(p.rows() == 4 && p.uniform_rows() == 1);
    EXPECT(p.level(0) == mbrl::RowLevel::lane && p.level(2) == mbrl::RowLevel::uniform && p.level(3) == mbrl::RowLevel::lane);
}

TEST(sizes_out_of_range_are_named) {
    auto members = program({});
    members.members = 0;
    EXPECT_ERROR(members.finish(nullptr), "program step: members must be in 1..4096, got 0");
    auto constants = program({});
    constants.constants = -1;
    EXPECT_ERROR(constants.finish(nullptr), "constants must be in 0..1048576, got -1");
    auto argument = program({});
    argument.arguments[0].size = 1 << 30;
    EXPECT_ERROR(argument.finish(nullptr), "argument x has an impossible size 1073741824");
    auto negative = program({});
    negative.arguments[1].size = -1;
    EXPECT_ERROR(negative.finish(nullptr), "argument c has an impossible size -1");
    auto prologue = program({});
    prologue.prologue = 1;
    EXPECT_ERROR(prologue.finish(nullptr), "prologue must be in 0..0, got 1");
    auto rows = instruction("copy", {{0}}, {});
    rows.out.resize(1 << 21);
    EXPECT_ERROR(finish({rows}), "must have at most 1048576 rows, got 2097155");
}

TEST(an_argument_may_not_appear_twice) {
    auto p = program({});
    p.arguments.push_back({"x", 2, false, 0});
    EXPECT_ERROR(p.finish(nullptr), "program step: argument x appears twice");
}

TEST(constants_have_a_shape) {
    const auto finish_with = [](const mbrl::Tensor* constants) {
        auto p = program({});
        p.constants = 2;
        p.finish(constants);
    };
    EXPECT_ERROR(finish_with(nullptr), "tensor constants must have shape [1 or members, 2]");
    const mbrl::Tensor wrong{{1, 3}, {1, 2, 3}};
    EXPECT_ERROR(finish_with(&wrong), "tensor constants must have shape [1 or members, 2]");
}

TEST(rows_are_assigned_once_and_before_use) {
    EXPECT_ERROR(finish({instruction("copy", {{0}}, {0})}),
                 "instruction 0 assigns row 0, which does not exist or is assigned already");
    EXPECT_ERROR(finish({instruction("copy", {{0}}, {3}), instruction("copy", {{0}}, {3})}), "instruction 1 assigns row 3");
    EXPECT_ERROR(finish({instruction("copy", {{0}}, {9})}), "instruction 0 assigns row 9");
    EXPECT_ERROR(finish({instruction("copy", {{3}}, {3})}), "instruction 0 (copy) uses row 3 before it is defined");
    EXPECT_ERROR(finish({instruction("copy", {{-1}}, {3})}), "uses row -1 before it is defined");
    EXPECT_ERROR(finish({instruction("copy", {{99}}, {3})}), "uses row 99 before it is defined");
    auto p = program({});
    p.outputs["y"] = {7};
    EXPECT_ERROR(p.finish(nullptr), "output y names row 7, which does not exist");
}

TEST(operand_lists_fit_the_operation) {
    EXPECT_ERROR(finish({instruction("add", {{0}}, {3})}), "instruction 0 (add) must have 2 operand lists, got 1");
    EXPECT_ERROR(finish({instruction("sum", {}, {3})}), "(sum) must have 1 operand lists, got 0");
    EXPECT_ERROR(finish({instruction("amax", {{0, 1}, {0}}, {3})}), "(amax) must have 1 operand lists, got 2");
    EXPECT_ERROR(finish({instruction("copy", {{}}, {})}), "must have at least one output row");
    EXPECT_ERROR(finish({instruction("add", {{0, 1}, {0}}, {3, 4})}), "operand 1 must have 2 rows, got 1");
    EXPECT_ERROR(finish({instruction("sum", {{0, 1, 0}}, {3, 4})}), "operand 0 must have a multiple of 2 rows");
    EXPECT_ERROR(finish({instruction("sum", {{}}, {3})}), "operand 0 must have a multiple of 1 rows, as many as operand 0, got 0");
    EXPECT_ERROR(finish({instruction("sum", {{0, 1}, {0, 1}}, {3})}), "operand 1 must have 1 rows, got 2");
    EXPECT_ERROR(finish({instruction("dot", {{0, 1}, {0}}, {3})}), "operand 1 must have a multiple of 1 rows");
    EXPECT_ERROR(finish({instruction("dot", {{0, 1}, {0, 1}, {}}, {3})}), "operand 2 must have 1 rows, got 0");
}

TEST(the_prologue_stays_uniform) {
    auto p = program({instruction("copy", {{0}}, {3})});
    p.prologue = 1;
    EXPECT_ERROR(p.finish(nullptr), "instruction 0 (copy) is in the prologue but uses lane row 0");
}

struct Linear {
    mbrl::Tensor weight{{1, 2, 2}, {1, 2, 3, 4}}, bias{{1, 2}, {0, 0}};
    mbrl::Instruction made(std::vector<int> in, std::vector<int> out) {
        auto result = instruction("linear", {std::move(in)}, std::move(out));
        result.weight = &weight;
        result.bias = &bias;
        return result;
    }
};

TEST(linear_fits_its_weights_and_reads_lane_rows) {
    Linear l;
    finish({l.made({0, 1}, {3, 4})});
    EXPECT_ERROR(finish({l.made({0, 2}, {3, 4})}), "instruction 0 (linear) must read lane rows, row 2 is not one");
    EXPECT_ERROR(finish({l.made({}, {3, 4})}), "must have at least one input row");
    EXPECT_ERROR(finish({l.made({0}, {3, 4})}), "weight must have shape [1 or members, 2, 1]");
    EXPECT_ERROR(finish({instruction("linear", {{0}}, {3})}), "weight must have shape [1 or members, 1, 1]");
    l.bias = {{1, 3}, {0, 0, 0}};
    EXPECT_ERROR(finish({l.made({0, 1}, {3, 4})}), "bias must have shape [1 or members, 2]");
    l.bias = {{2, 2}, {0, 0, 0, 0}};
    EXPECT_ERROR(finish({l.made({0, 1}, {3, 4})}), "bias must have shape [1 or members, 2]");
}

TEST(weights_are_bounded_over_all_members) {
    Linear l;
    const int size = 300;
    l.weight = {{1, size, size}, std::vector<float>(size * size)};
    l.bias = {{1, size}, std::vector<float>(size)};
    mbrl::Program p;
    p.name = "step";
    p.members = 4096;
    p.arguments = {{"x", size, false, 0}};
    std::vector<int> in(size), out(size);
    for (int i = 0; i < size; ++i) in[i] = i, out[i] = size + i;
    p.instructions.push_back(l.made(in, out));
    EXPECT_ERROR(p.finish(nullptr), "must take at most 8388608 numbers more than the file holds");
}

TEST(new_weights_keep_the_shapes_of_the_old) {
    Linear small, large;
    auto one = program({small.made({0, 1}, {3, 4})});
    one.finish(nullptr);
    auto other = program({});
    other.finish(nullptr);
    EXPECT_ERROR(one.check_weights(*other.weights()), "program step: new weights must have the shapes of the old ones");
    large.weight.data = {5, 6, 7, 8};
    auto next = program({large.made({0, 1}, {3, 4})});
    next.finish(nullptr);
    one.check_weights(*next.weights());
    EXPECT(one.packed_weights(*next.weights(), 0)[1] == 5 && one.packed_weights(0)[1] != 5, "weights are exchanged, not changed");
}

TEST(multiply_adds_count_linears_and_dots) {
    Linear l;
    auto p = program({l.made({0, 1}, {3, 4}), instruction("dot", {{0, 1}, {0, 1}}, {5})});
    p.finish(nullptr);
    EXPECT(p.multiply_adds() == 6, p.multiply_adds());
}

TEST(an_executor_refuses_what_does_not_fit_in_memory) {
    mbrl::Program p;
    p.name = "step";
    p.arguments = {{"x", 1 << 20, false, 0}};
    p.finish(nullptr);
    EXPECT_ERROR(mbrl::Executor(p, 1024), "program step needs too much memory: 1048576 rows of 1024 lanes at once");
}

TEST(unknown_names_have_no_place) {
    auto p = program({instruction("copy", {{0}}, {3})});
    p.finish(nullptr);
    const mbrl::Executor executor(p, 16);
    EXPECT(mbrl::find_op("no such operation") == -1);
    EXPECT(executor.argument_offset("x") == 0 && executor.argument_offset("c") == -1 && executor.argument_offset("nothing") == -1);
    EXPECT(executor.output("nothing").empty() && p.find_argument("nothing") == nullptr);
}

TEST(a_map_in_the_prologue_feeds_lane_instructions) {
    auto p = program({instruction("mul", {{2}, {2}}, {3}), instruction("add", {{0}, {3}}, {4})});
    p.prologue = 1;
    p.outputs["y"] = {4};
    p.finish(nullptr);
    const mbrl::Executor executor(p, 16);
    mbrl::AlignedFloats lanes(executor.lane_floats()), uniforms(executor.uniform_floats());
    const float c = 3;
    executor.write_uniform("c", &c, uniforms.data());
    executor.run_prologue(0, uniforms.data());
    for (int lane = 0; lane < 16; ++lane) lanes[lane] = static_cast<float>(lane);
    executor.run(executor.frame(0, uniforms.data(), lanes.data(), 16));
    for (int lane = 0; lane < 16; ++lane) EXPECT(lanes[executor.output("y")[0].offset + lane] == 9.0f + static_cast<float>(lane));
}

}  // namespace

TEST_MAIN
