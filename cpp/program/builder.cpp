#include "program/builder.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "core/check.hpp"
#include "kernels/dispatch.hpp"

namespace mbrl {
namespace {

std::vector<int> ascending(int count) {
    std::vector<int> numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}

OpKind kind_of(const Instruction& instruction) { return kernels().ops[instruction.op].kind; }

}  // namespace

Builder::Builder(const Program& original) : original_(original) {
    for (int row = 0; row < original.rows(); ++row) levels_.push_back(original.level(row));
    for (int i = 0; i < static_cast<int>(original.instructions.size()); ++i) {
        Item item{original.instructions[i], {}, i < original.prologue};
        if (kind_of(item.instruction) == OpKind::linear)
            item.source = {i, false, ascending(static_cast<int>(item.instruction.out.size())), ascending(item.instruction.inner())};
        items_.push_back(std::move(item));
    }
}

int Builder::add_row(RowLevel level) {
    levels_.push_back(level);
    return static_cast<int>(levels_.size()) - 1;
}

int Builder::constant(float value) {
    for (std::size_t i = 0; i < constants_.size(); ++i)
        if (std::memcmp(&constants_[i], &value, sizeof value) == 0) return constant_rows_[i];
    constants_.push_back(value);
    constant_rows_.push_back(add_row(RowLevel::constant));
    return constant_rows_.back();
}

Rows Builder::argument(const std::string& name, int size) {
    const auto taken = [&](const Argument& argument) { return argument.name == name; };
    check(!original_.find_argument(name) && std::none_of(arguments_.begin(), arguments_.end(), taken), "program ", original_.name,
          ": its derivatives need an argument ", name, ", a name that is taken");
    Rows rows;
    for (int i = 0; i < size; ++i) rows.push_back(add_row(RowLevel::lane));
    arguments_.push_back({name, size, false, size > 0 ? rows[0] : 0});
    return rows;
}

Rows Builder::run(const char* op, std::vector<Rows> operands, std::size_t count) {
    if (count == 0) return {};
    Item item;
    item.instruction.op = find_op(op);
    check(item.instruction.op >= 0, "unknown operation '", op, "'");
    item.instruction.in = std::move(operands);
    // What is the same for all candidates is computed once, in the prologue.
    item.prologue = uniform(item.instruction);
    for (std::size_t i = 0; i < count; ++i) item.instruction.out.push_back(add_row(item.prologue ? RowLevel::uniform : RowLevel::lane));
    items_.push_back(std::move(item));
    return items_.back().instruction.out;
}

bool Builder::uniform(const Instruction& instruction) const {
    for (const Rows& rows : instruction.in)
        for (int row : rows)
            if (levels_[row] == RowLevel::lane) return false;
    return true;
}

Rows Builder::through_weights(int instruction, const Rows& cotangents, std::vector<int> outputs, std::vector<int> inputs) {
    if (cotangents.empty() || inputs.empty()) return {};
    Item item;
    item.instruction.op = original_.instructions[instruction].op;
    item.instruction.in = {cotangents};
    for (std::size_t i = 0; i < inputs.size(); ++i) item.instruction.out.push_back(add_row(RowLevel::lane));
    item.source = {instruction, true, std::move(inputs), std::move(outputs)};
    items_.push_back(std::move(item));
    return items_.back().instruction.out;
}

/// Keeps the output rows that somebody reads, and what computes them.
void Builder::prune(const std::map<std::string, Rows>& outputs) {
    std::vector<char> live(levels_.size());
    for (const auto& [name, rows] : outputs)
        for (int row : rows) live[row] = 1;
    std::vector<Item> kept;
    for (auto item = items_.rbegin(); item != items_.rend(); ++item) {
        keep_rows(*item, live);
        if (item->instruction.out.empty()) continue;
        for (const Rows& rows : item->instruction.in)
            for (int row : rows) live[row] = 1;
        kept.push_back(std::move(*item));
    }
    items_.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
}

void Builder::keep_rows(Item& item, const std::vector<char>& live) const {
    Instruction& instruction = item.instruction;
    const bool linear = kind_of(instruction) == OpKind::linear;
    const std::size_t count = instruction.out.size();
    const auto keep = [&](std::vector<int>& list) {  // of the neighbours that belong to a live output
        const std::size_t each = list.size() / count;
        std::vector<int> rest;
        for (std::size_t i = 0; i < count; ++i)
            if (live[instruction.out[i]]) rest.insert(rest.end(), list.begin() + i * each, list.begin() + (i + 1) * each);
        list = std::move(rest);
    };
    if (linear)
        keep(item.source.out);
    else
        for (Rows& list : instruction.in) keep(list);
    std::erase_if(instruction.out, [&](int row) { return !live[row]; });
}

/// The number in `program` of every row: constants, arguments, results.
std::vector<int> Builder::numbers(Program& program) const {
    std::vector<int> number(levels_.size(), -1);
    int next = 0;
    for (int row = 0; row < original_.constants; ++row) number[row] = next++;
    for (int row : constant_rows_) number[row] = next++;
    for (const auto& argument : program.arguments)
        for (int i = 0; i < argument.size; ++i) number[argument.first_row + i] = next++;
    for (const auto& instruction : program.instructions)
        for (int row : instruction.out) number[row] = next++;
    return number;
}

std::unique_ptr<DerivedProgram> Builder::finish(const std::string& name, std::map<std::string, Rows> outputs) {
    prune(outputs);
    std::stable_partition(items_.begin(), items_.end(), [](const Item& item) { return item.prologue; });
    Program program;
    program.name = name;
    program.members = original_.members;
    program.constants = original_.constants + static_cast<int>(constants_.size());
    program.arguments = original_.arguments;
    program.arguments.insert(program.arguments.end(), arguments_.begin(), arguments_.end());
    std::vector<WeightSource> sources;
    for (Item& item : items_) {
        program.prologue += item.prologue;
        program.instructions.push_back(std::move(item.instruction));
        sources.push_back(std::move(item.source));
    }
    const std::vector<int> number = numbers(program);
    const auto renumber = [&](Rows& rows) {
        for (int& row : rows) row = number[row];
    };
    for (auto& instruction : program.instructions) {
        for (Rows& rows : instruction.in) renumber(rows);
        renumber(instruction.out);
    }
    for (auto& [output, rows] : outputs) renumber(rows);
    program.outputs = std::move(outputs);
    return std::make_unique<DerivedProgram>(original_, std::move(program), std::move(sources), constants_);
}

}  // namespace mbrl
