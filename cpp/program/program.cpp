#include "program/program.hpp"

#include <algorithm>
#include <set>

#include "core/check.hpp"
#include "kernels/dispatch.hpp"

namespace mbrl {
namespace {

constexpr int kMaxRows = 1 << 20;
// Weights that members or instructions share are packed once for each: at most this many more than the file holds, 32 MiB.
constexpr std::int64_t kMaxRepeated = std::int64_t{1} << 23;

const OpKernel& op_of(const Instruction& instruction) { return kernels().ops[instruction.op]; }

bool has_shape(const Tensor& tensor, int members, std::initializer_list<std::int64_t> rest) {
    return tensor.shape.size() == rest.size() + 1 && (tensor.shape[0] == 1 || tensor.shape[0] == members) &&
           std::equal(rest.begin(), rest.end(), tensor.shape.begin() + 1);
}

/// Where a member's share of a [1|members, ...] tensor begins.
const float* member_data(const Tensor& tensor, int member) {
    const std::int64_t leading = tensor.shape[0];
    const std::int64_t size = static_cast<std::int64_t>(tensor.data.size()) / leading;
    return tensor.data.data() + (leading == 1 ? 0 : member * size);
}

}  // namespace

int Instruction::inner() const {
    const OpKind kind = op_of(*this).kind;
    if (kind == OpKind::map || out.empty()) return 1;
    if (kind == OpKind::linear) return static_cast<int>(in[0].size());
    return static_cast<int>(in[0].size() / out.size());
}

bool Instruction::has_start() const {
    const std::string op = op_of(*this).name;
    return (op == "sum" && in.size() == 2) || (op == "dot" && in.size() == 3);
}

const Argument* Program::find_argument(const std::string& argument) const {
    for (const auto& candidate : arguments)
        if (candidate.name == argument) return &candidate;
    return nullptr;
}

float Program::constant(const Weights& weights, int member, int index) const {
    const bool shared = weights.constants.size() == static_cast<std::size_t>(constants);
    return weights.constants[(shared ? 0 : static_cast<std::size_t>(member) * constants) + index];
}

std::int64_t Program::packed_at(const Instruction& linear, int row, int k) {
    const int height = row_block(linear.inner()), first = row / height * height;
    const int rows = std::min(height, static_cast<int>(linear.out.size()) - first);  // of its block
    return linear.packed + static_cast<std::int64_t>(first) * (linear.inner() + 1) + static_cast<std::int64_t>(k + 1) * rows + row -
           first;
}

float Program::packed_bias(int member, const Instruction& linear, int row) const {
    return packed_weights(member)[packed_at(linear, row, -1)];
}

float Program::packed_weight(int member, const Instruction& linear, int row, int k) const {
    return packed_weights(member)[packed_at(linear, row, k)];
}

std::int64_t Program::multiply_adds() const {
    std::int64_t count = 0;
    for (std::size_t i = prologue; i < instructions.size(); ++i) {
        const OpKind kind = op_of(instructions[i]).kind;
        if (kind == OpKind::linear || kind == OpKind::dot)
            count += static_cast<std::int64_t>(instructions[i].out.size()) * instructions[i].inner();
    }
    return count;
}

void Program::finish(const Tensor* constant_values) {
    const std::string where = "program " + name;
    check(members >= 1 && members <= 4096, where, ": members must be in 1..4096, got ", members);
    check(constants >= 0 && constants <= kMaxRows, where, ": constants must be in 0..", kMaxRows, ", got ", constants);
    check(constants == 0 || (constant_values && has_shape(*constant_values, members, {constants})), where,
          ": tensor constants must have shape [1 or members, ", constants, "]");
    std::vector<RowLevel> levels(constants, RowLevel::constant);
    for (auto& argument : arguments) {
        check(find_argument(argument.name) == &argument, where, ": argument ", argument.name, " appears twice");
        check(argument.size >= 0 && static_cast<int>(levels.size()) + argument.size <= kMaxRows, where, ": argument ",
              argument.name, " has an impossible size ", argument.size);
        argument.first_row = static_cast<int>(levels.size());
        levels.resize(levels.size() + argument.size, argument.uniform ? RowLevel::uniform : RowLevel::lane);
    }
    const int count = static_cast<int>(instructions.size());
    check(prologue >= 0 && prologue <= count, where, ": prologue must be in 0..", count, ", got ", prologue);
    std::size_t outputs_of_instructions = 0;
    for (const auto& instruction : instructions) outputs_of_instructions += instruction.out.size();
    const std::size_t total = levels.size() + outputs_of_instructions;
    check(total <= std::size_t(kMaxRows), where, ": must have at most ", kMaxRows, " rows, got ", total);
    levels.resize(total, RowLevel::undefined);
    for (int i = 0; i < count; ++i) {
        check_instruction(i, levels);
        for (int row : instructions[i].out) {
            check(row >= 0 && row < static_cast<int>(total) && levels[row] == RowLevel::undefined, where, ": instruction ", i,
                  " assigns row ", row, ", which does not exist or is assigned already");
            levels[row] = i < prologue ? RowLevel::uniform : RowLevel::lane;
        }
    }
    for (const auto& [output, rows] : outputs)
        for (int row : rows)
            check(row >= 0 && row < static_cast<int>(levels.size()), where, ": output ", output, " names row ", row,
                  ", which does not exist");
    levels_ = std::move(levels);
    uniform_index_.assign(levels_.size(), -1);
    // Outputs of one instruction lie side by side, whatever their numbers.
    const int first_output = static_cast<int>(levels_.size() - outputs_of_instructions);
    for (int row = 0; row < first_output; ++row)
        if (levels_[row] != RowLevel::lane) uniform_index_[row] = uniform_rows_++;
    for (int i = 0; i < prologue; ++i)
        for (int row : instructions[i].out) uniform_index_[row] = uniform_rows_++;
    weights_ = std::make_shared<const Weights>(Weights{pack(), constants > 0 ? constant_values->data : std::vector<float>{}});
}

void Program::check_instruction(int index, const std::vector<RowLevel>& levels) const {
    const Instruction& instruction = instructions[index];
    const OpKernel& op = op_of(instruction);
    const bool may_start = std::string(op.name) == "sum" || std::string(op.name) == "dot";
    const std::size_t lists = instruction.in.size();
    const std::size_t count = instruction.out.size();
    const std::string where = "program " + name + ": instruction " + std::to_string(index) + " (" + op.name + ")";
    check(lists == std::size_t(op.arity) || (may_start && lists == std::size_t(op.arity) + 1), where, " must have ", op.arity,
          " operand lists, got ", lists);
    check(count > 0, where, " must have at least one output row");
    for (std::size_t list = 0; list < lists; ++list) {
        const std::size_t size = instruction.in[list].size();
        const bool is_start = may_start && list == std::size_t(op.arity);
        if (op.kind == OpKind::map || is_start)
            check(size == count, where, ": operand ", list, " must have ", count, " rows, got ", size);
        else if (op.kind != OpKind::linear)
            check(size > 0 && size % count == 0 && size == instruction.in[0].size(), where, ": operand ", list,
                  " must have a multiple of ", count, " rows, as many as operand 0, got ", size);
        for (int row : instruction.in[list]) {
            check(row >= 0 && row < static_cast<int>(levels.size()) && levels[row] != RowLevel::undefined, where, " uses row ", row,
                  " before it is defined");
            check(index >= prologue || levels[row] != RowLevel::lane, where, " is in the prologue but uses lane row ", row);
            check(op.kind != OpKind::linear || index < prologue || levels[row] == RowLevel::lane, where,
                  " must read lane rows, row ", row, " is not one");
        }
    }
    if (op.kind != OpKind::linear) return;
    const auto m = static_cast<std::int64_t>(count), k = static_cast<std::int64_t>(instruction.in[0].size());
    check(k > 0, where, " must have at least one input row");
    check(instruction.weight && has_shape(*instruction.weight, members, {m, k}), where, ": weight must have shape [1 or members, ",
          m, ", ", k, "]");
    check(instruction.bias && has_shape(*instruction.bias, members, {m}), where, ": bias must have shape [1 or members, ", m, "]");
}

void Program::check_weights(const Weights& weights) const {
    check(weights.packed.size() == weights_->packed.size() && (constants == 0) == weights.constants.empty(), "program ", name,
          ": new weights must have the shapes of the old ones");
}

AlignedFloats Program::pack() {
    packed_size_ = 0;
    std::int64_t held = 0;
    std::set<const Tensor*> seen;
    for (auto& instruction : instructions) {
        if (op_of(instruction).kind != OpKind::linear) continue;
        instruction.packed = packed_size_;
        packed_size_ += static_cast<std::int64_t>(instruction.out.size()) * (instruction.inner() + 1);
        for (const Tensor* tensor : {instruction.weight, instruction.bias})
            if (seen.insert(tensor).second) held += static_cast<std::int64_t>(tensor->data.size());
        check(packed_size_ * members <= held + kMaxRepeated, "program ", name,
              ": weights used by several members or instructions must take at most ", kMaxRepeated,
              " numbers more than the file holds, got ", packed_size_ * members - held);
    }
    AlignedFloats packed(static_cast<std::size_t>(packed_size_ * members));
    for (int member = 0; member < members; ++member) {
        for (auto& instruction : instructions) {
            if (op_of(instruction).kind != OpKind::linear) continue;
            const float* weight = member_data(*instruction.weight, member);
            const float* bias = member_data(*instruction.bias, member);
            float* to = packed.data() + packed_size_ * member + instruction.packed;
            const int count = static_cast<int>(instruction.out.size()), inner = instruction.inner();
            const int block = row_block(inner);
            for (int first = 0; first < count; first += block) {
                const int rows = std::min(block, count - first);
                for (int r = 0; r < rows; ++r) *to++ = bias[first + r];
                for (int k = 0; k < inner; ++k)
                    for (int r = 0; r < rows; ++r) *to++ = weight[static_cast<std::int64_t>(first + r) * inner + k];
            }
        }
    }
    for (auto& instruction : instructions) instruction.weight = instruction.bias = nullptr;
    return packed;
}

}  // namespace mbrl
