#include "program/executor.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "kernels/dispatch.hpp"
#include "program/slot_runs.hpp"

namespace mbrl {
namespace {

/// Whether every `length` of the rows are the first ones again.
bool repeats(const std::vector<int>& rows, int length) {
    for (std::size_t i = length; i < rows.size(); ++i)
        if (rows[i] != rows[i - length]) return false;
    return true;
}

constexpr bool is_linear(const OpKernel& op) { return op.kind == OpKind::linear; }

}  // namespace

Executor::Executor(const Program& program, int stride) : program_(&program), weights_(program.weights().get()), stride_(stride) {
    place_rows();
    check(static_cast<std::int64_t>(slots_) * stride_ < (std::int64_t{1} << 30) &&
              static_cast<std::int64_t>(program.uniform_rows()) * kLaneGroup < (std::int64_t{1} << 30),
          "program ", program.name, " needs too much memory: ", slots_, " rows of ", stride_, " lanes at once");
    for (int i = 0; i < static_cast<int>(program.instructions.size()); ++i) resolve(i);
    for (const auto& [name, rows] : program.outputs)
        for (int row : rows) outputs_[name].push_back(operand(row));
}

/// Rows of one instruction lie side by side, in slots that are used again as soon as the last reader has run. Arguments
/// and outputs keep theirs.
void Executor::place_rows() {
    const Program& program = *program_;
    const int count = static_cast<int>(program.instructions.size());
    std::vector<int> last_use(program.rows(), -1);
    for (int i = 0; i < count; ++i)
        for (const auto& list : program.instructions[i].in)
            for (int row : list) last_use[row] = i;
    for (const auto& [name, rows] : program.outputs)
        for (int row : rows) last_use[row] = count;

    SlotRuns runs;
    slot_.assign(program.rows(), -1);
    const auto put = [&](int row, int slot) { slot_[row] = slot; };
    for (const auto& argument : program.arguments) {
        if (argument.uniform || argument.size == 0) continue;
        const int first = runs.take(argument.size);
        for (int i = 0; i < argument.size; ++i) put(argument.first_row + i, first + i);
    }
    std::vector<std::vector<int>> dying(count + 1);
    for (int i = program.prologue; i < count; ++i)
        for (int row : program.instructions[i].out) dying[std::max(last_use[row], i)].push_back(row);
    for (int i = program.prologue; i < count; ++i) {
        const Instruction& instruction = program.instructions[i];
        const int inner = instruction.inner();
        const bool gather = is_linear(kernels().ops[instruction.op]) && !side_by_side(i);
        if (gather) gather_slots_[i] = runs.take(inner);
        const int in_place = reusable_run(i, last_use);
        const int first = in_place >= 0 ? in_place : runs.take(static_cast<int>(instruction.out.size()));
        for (std::size_t r = 0; r < instruction.out.size(); ++r) put(instruction.out[r], first + static_cast<int>(r));
        if (gather) runs.give(gather_slots_[i], inner);
        const auto taken_over = [&](int row) {  // an input whose slot the outputs have now
            const int last = first + static_cast<int>(instruction.out.size());
            return in_place >= 0 && slot_[row] >= first && slot_[row] < last &&
                   std::find(instruction.out.begin(), instruction.out.end(), row) == instruction.out.end();
        };
        for (int row : dying[i])
            if (!taken_over(row)) runs.give(slot_[row]);
    }
    slots_ = runs.size();
    for (int i = 0; i < program.prologue; ++i)
        if (is_linear(kernels().ops[program.instructions[i].op]) && !side_by_side(i))
            uniform_scratch_ = std::max(uniform_scratch_, program.instructions[i].inner());
}

/// First slot of an operand that an element-wise instruction may overwrite row by row, −1 if there is none: neighbours that
/// nothing reads afterwards, and that no other operand reads at another place.
int Executor::reusable_run(int index, const std::vector<int>& last_use) const {
    const Instruction& instruction = program_->instructions[index];
    if (kernels().ops[instruction.op].kind != OpKind::map) return -1;
    const int count = static_cast<int>(instruction.out.size());
    const int arguments_end =
        program_->arguments.empty() ? 0 : program_->arguments.back().first_row + program_->arguments.back().size;
    const auto slot = [&](int row) { return program_->level(row) == RowLevel::lane ? slot_[row] : -1; };
    for (const auto& rows : instruction.in) {
        const int first = slot(rows[0]);
        bool reusable = first >= 0;
        for (int r = 0; reusable && r < count; ++r)
            reusable = slot(rows[r]) == first + r && last_use[rows[r]] == index && rows[r] >= arguments_end;
        for (const auto& others : instruction.in)
            for (int r = 0; reusable && r < count; ++r)
                reusable = slot(others[r]) < first || slot(others[r]) >= first + count || slot(others[r]) == first + r;
        if (reusable) return first;
    }
    return -1;
}

Operand Executor::operand(int row) const {
    if (program_->level(row) == RowLevel::lane) return {slot_[row] * stride_, 1};
    return {program_->uniform_index(row) * kLaneGroup, 0};
}

/// The prologue is the same machine on a tile of one group that lies in the block of uniform rows itself.
Operand Executor::place(int row, bool prologue) const {
    return prologue ? Operand{program_->uniform_index(row) * kLaneGroup, 1} : operand(row);
}

/// Whether the rows of the first operand are neighbours.
bool Executor::side_by_side(int index) const {
    const bool prologue = index < program_->prologue;
    const auto& rows = program_->instructions[index].in[0];
    for (std::size_t k = 0; k < rows.size(); ++k) {
        const Operand first = place(rows[0], prologue), other = place(rows[k], prologue);
        if (!other.advance || other.offset != first.offset + static_cast<int>(k) * (prologue ? kLaneGroup : stride_)) return false;
    }
    return true;
}

void Executor::resolve(int index) {
    const bool prologue = index < program_->prologue;
    std::vector<Resolved>& steps = prologue ? prologue_ : steps_;
    const Instruction& instruction = program_->instructions[index];
    const OpKernel& op = kernels().ops[instruction.op];
    const auto places = [&](const std::vector<int>& rows) {
        std::vector<Operand> list;
        for (int row : rows) list.push_back(place(row, prologue));
        return list;
    };
    Step step{};
    step.count = static_cast<std::int32_t>(instruction.out.size());
    step.inner = instruction.inner();
    step.has_start = instruction.has_start();
    step.relu = instruction.relu;
    step.weights = instruction.packed;
    step.out = place(instruction.out[0], prologue).offset;
    if (is_linear(op)) {
        step.in_first = place(instruction.in[0][0], prologue).offset;
        if (!side_by_side(index)) {
            step.in_first = prologue ? program_->uniform_rows() * kLaneGroup : gather_slots_.at(index) * stride_;
            steps.push_back(copy(places(instruction.in[0]), step.in_first));
        }
    } else {
        for (std::size_t i = 0; i < instruction.in.size(); ++i)
            step.in[i] = operand_lists_.emplace_back(places(instruction.in[i])).data();
        if (op.kind == OpKind::dot) {
            step.matrix = side_by_side(index) && repeats(instruction.in[1], step.inner);
            step.in_first = place(instruction.in[0][0], prologue).offset;
        }
    }
    steps.push_back({op.run, step});
}

/// Copies rows to neighbouring rows from offset `to` on.
Executor::Resolved Executor::copy(std::vector<Operand> from, int to) {
    Step step{};
    step.count = static_cast<std::int32_t>(from.size());
    step.inner = 1;
    step.out = to;
    step.in[0] = operand_lists_.emplace_back(std::move(from)).data();
    return {kernels().ops[find_op("copy")].run, step};
}

void Executor::set_feedback(const std::string& output, const std::string& argument) {
    const int to = argument_offset(argument);
    const std::vector<Operand>& from = this->output(output);
    const int end = to + static_cast<int>(from.size()) * stride_;
    const bool overlap =
        std::any_of(from.begin(), from.end(), [&](Operand row) { return row.advance && row.offset >= to && row.offset < end; });
    if (to < 0) return;
    if (!overlap) {
        feedback_ = {copy(from, to)};
        return;
    }
    // A next state may be a state row itself, or another one: through rows of its own.
    const int scratch = slots_ * stride_;
    slots_ += static_cast<int>(from.size());
    std::vector<Operand> between;
    for (std::size_t i = 0; i < from.size(); ++i) between.push_back({scratch + static_cast<int>(i) * stride_, 1});
    feedback_ = {copy(from, scratch), copy(std::move(between), to)};
}

void Executor::write_constants(int member, float* uniforms) const {
    for (int row = 0; row < program_->constants; ++row)
        std::fill_n(uniforms + static_cast<std::ptrdiff_t>(row) * kLaneGroup, kLaneGroup,
                    program_->constant(*weights_, member, row));
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
    const Frame whole{uniforms, uniforms, program_->packed_weights(*weights_, member), kLaneGroup, kLaneGroup};
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
