#include "program/executor.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "kernels/dispatch.hpp"

namespace mbrl {

Executor::Executor(const Program& program, int stride) : program_(&program), stride_(stride) {
    place_rows();
    check(static_cast<std::int64_t>(slots_) * stride_ < (std::int64_t{1} << 30) &&
              static_cast<std::int64_t>(program.uniform_rows()) * kLaneGroup < (std::int64_t{1} << 30),
          "program ", program.name, " needs too much memory: ", slots_, " rows of ", stride_, " lanes at once");
    const int count = static_cast<int>(program.instructions.size());
    for (int i = 0; i < count; ++i) resolve(i, i < program.prologue, i < program.prologue ? prologue_ : steps_);
    for (const auto& [name, rows] : program.outputs)
        for (int row : rows) outputs_[name].push_back(operand(row));
}

/// Lane rows share slots as soon as their last reader has run. Arguments and outputs keep theirs.
void Executor::place_rows() {
    const Program& program = *program_;
    const int count = static_cast<int>(program.instructions.size());
    std::vector<int> last_use(program.rows(), -1);
    for (int i = 0; i < count; ++i)
        for (const auto& list : program.instructions[i].in)
            for (int row : list) last_use[row] = i;
    for (const auto& [name, rows] : program.outputs)
        for (int row : rows) last_use[row] = count;

    slot_.assign(program.rows(), -1);
    for (const auto& argument : program.arguments)
        if (!argument.uniform)
            for (int i = 0; i < argument.size; ++i) slot_[argument.first_row + i] = slots_++;

    std::vector<int> free_slots;
    std::vector<std::vector<int>> dying(count + 1);
    for (int i = program.prologue; i < count; ++i)
        for (int row : program.instructions[i].out) dying[std::max(last_use[row], i)].push_back(row);
    for (int i = program.prologue; i < count; ++i) {
        for (int row : program.instructions[i].out) {
            if (free_slots.empty()) {
                slot_[row] = slots_++;
            } else {
                slot_[row] = free_slots.back();
                free_slots.pop_back();
            }
        }
        // Descending, so that the next outputs take ascending, neighbouring slots.
        for (auto row = dying[i].rbegin(); row != dying[i].rend(); ++row) free_slots.push_back(slot_[*row]);
    }
}

Operand Executor::operand(int row) const {
    if (program_->level(row) == RowLevel::lane) return {slot_[row] * stride_, 1};
    return {program_->uniform_index(row) * kLaneGroup, 0};
}

/// The prologue is the same machine on a tile of one group that lies in the block of uniform rows itself.
void Executor::resolve(int index, bool prologue, std::vector<Resolved>& steps) {
    const Instruction& instruction = program_->instructions[index];
    const OpKernel& op = kernels().ops[instruction.op];
    const auto place = [&](int row) { return prologue ? Operand{program_->uniform_index(row) * kLaneGroup, 1} : operand(row); };
    const auto offsets = [&](const std::vector<int>& rows) {
        auto& list = offset_lists_.emplace_back();
        for (int row : rows) list.push_back(place(row).offset);
        return list.data();
    };
    Step step{};
    step.count = static_cast<std::int32_t>(instruction.out.size());
    step.inner = instruction.inner();
    step.has_start = instruction.has_start();
    step.relu = instruction.relu;
    step.weights = instruction.packed;
    step.out = offsets(instruction.out);
    if (op.kind == OpKind::linear) {
        step.in_rows = offsets(instruction.in[0]);
    } else {
        for (std::size_t i = 0; i < instruction.in.size(); ++i) {
            auto& list = operand_lists_.emplace_back();
            for (int row : instruction.in[i]) list.push_back(place(row));
            step.in[i] = list.data();
        }
    }
    steps.push_back({op.run, step});
}

void Executor::write_constants(int member, float* uniforms) const {
    for (int row = 0; row < program_->constants; ++row)
        std::fill_n(uniforms + static_cast<std::ptrdiff_t>(row) * kLaneGroup, kLaneGroup, program_->constant(member, row));
}

void Executor::write_uniform(const std::string& argument, const float* values, float* uniforms) const {
    const Argument* found = program_->find_argument(argument);
    if (!found || !found->uniform) return;
    for (int i = 0; i < found->size; ++i) {
        const std::ptrdiff_t row = program_->uniform_index(found->first_row + i);
        std::fill_n(uniforms + row * kLaneGroup, kLaneGroup, values[i]);
    }
}

void Executor::run_prologue(int member, float* uniforms) const {
    const Frame whole{uniforms, uniforms, program_->packed_weights(member), kLaneGroup};
    for (const auto& step : prologue_) step.run(whole, step.step);
}

int Executor::argument_offset(const std::string& argument) const {
    const Argument* found = program_->find_argument(argument);
    return found && !found->uniform && found->size > 0 ? slot_[found->first_row] * stride_ : -1;
}

const std::vector<Operand>& Executor::output(const std::string& name) const {
    static const std::vector<Operand> none;
    const auto found = outputs_.find(name);
    return found == outputs_.end() ? none : found->second;
}

void read_operand(const Frame& frame, Operand operand, float* to, int width) {
    if (operand.advance)
        std::copy_n(frame.lanes + operand.offset, width, to);
    else
        std::fill_n(to, width, frame.uniforms[operand.offset]);
}

}  // namespace mbrl
