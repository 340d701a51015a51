#include "program/gradient.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "kernels/dispatch.hpp"
#include "program/reverse.hpp"

namespace mbrl {

Reverse::Reverse(Builder& builder, const std::vector<std::string>& arguments, float least_root)
    : builder_(builder),
      program_(builder.original()),
      least_root_(least_root),
      depends_(program_.rows()),
      terms_(program_.rows()) {
    for (const Argument& argument : program_.arguments) {
        const bool named = std::find(arguments.begin(), arguments.end(), argument.name) != arguments.end();
        if (argument.uniform || !(named || arguments.empty())) continue;
        wanted_.push_back(&argument);
        std::fill_n(depends_.begin() + argument.first_row, argument.size, 1);
    }
    for (const Instruction& instruction : program_.instructions) {
        const std::string op = kernels().ops[instruction.op].name;
        const GradientRule* rule = gradient_rule(op);
        check(rule != nullptr, "operation ", op, " has no rule for its gradient");
        if (!rule->apply) continue;
        const bool linear = kernels().ops[instruction.op].kind == OpKind::linear;
        for (std::size_t i = 0; i < instruction.out.size(); ++i)
            for (const Rows& list : instruction.in) {
                const std::size_t each = linear ? list.size() : list.size() / instruction.out.size();
                const auto first = list.begin() + static_cast<std::ptrdiff_t>(linear ? 0 : i * each);
                const auto needed = [&](int row) { return depends_[row] != 0; };
                if (std::any_of(first, first + static_cast<std::ptrdiff_t>(each), needed)) depends_[instruction.out[i]] = 1;
            }
    }
}

void Reverse::seed(const std::string& name, const Rows& rows) {
    const Rows cotangents = builder_.argument(name, static_cast<int>(rows.size()));
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (depends_[rows[i]]) terms_[rows[i]].push_back({cotangents[i]});
}

void Reverse::run() {
    for (int i = static_cast<int>(program_.instructions.size()) - 1; i >= program_.prologue; --i) apply(i);
}

void Reverse::apply(int index) {
    const Instruction& instruction = program_.instructions[index];
    const auto [outputs, cotangents] = totals(instruction.out);
    if (outputs.empty()) return;
    if (visit) visit(index, outputs, {builder_, cotangents});
    Adjoint adjoint(builder_, instruction, index, outputs, cotangents, least_root_);
    gradient_rule(kernels().ops[instruction.op].name)->apply(adjoint);
    for (const auto& [row, term] : adjoint.terms)
        if (depends_[row]) terms_[row].push_back(term);
}

std::pair<std::vector<int>, Rows> Reverse::totals(const Rows& rows) {
    std::vector<int> positions;
    std::map<std::pair<std::size_t, std::size_t>, std::vector<int>> alike;  // numbers of plain terms and of products → rows
    for (int i = 0; i < static_cast<int>(rows.size()); ++i) {
        const auto& terms = terms_[rows[i]];
        if (terms.empty()) continue;
        positions.push_back(i);
        const auto plain = static_cast<std::size_t>(std::count_if(terms.begin(), terms.end(), [](Term term) { return term.b < 0; }));
        alike[{plain, terms.size() - plain}].push_back(i);
    }
    std::map<int, int> total;
    for (const auto& [numbers, group] : alike) {
        std::vector<const std::vector<Term>*> terms;
        for (int i : group) terms.push_back(&terms_[rows[i]]);
        const Rows sums = sum(terms, numbers.first, numbers.second);
        for (std::size_t i = 0; i < group.size(); ++i) total[group[i]] = sums[i];
    }
    Rows cotangents;
    for (int i : positions) cotangents.push_back(total[i]);
    return {positions, cotangents};
}

/// Rows that are sums of as many plain terms and as many products, in the order in which they were found.
Rows Reverse::sum(const std::vector<const std::vector<Term>*>& terms, std::size_t plain, std::size_t products) {
    Rows start, a, b;
    for (const auto* row : terms)
        for (const Term& term : *row) {
            (term.b < 0 ? start : a).push_back(term.a);
            if (term.b >= 0) b.push_back(term.b);
        }
    const std::size_t count = terms.size();
    if (plain == 2) {
        Rows first, second;
        for (std::size_t i = 0; i < start.size(); i += 2) first.push_back(start[i]), second.push_back(start[i + 1]);
        start = builder_.map("add", {first, second});
    } else if (plain > 2) {
        start = builder_.run("sum", {start}, count);
    }
    if (products == 0) return start;
    if (products == 1) return plain == 0 ? builder_.map("mul", {a, b}) : builder_.map("fma", {a, b, start});
    return plain == 0 ? builder_.run("dot", {a, b}, count) : builder_.run("dot", {a, b, start}, count);
}

std::map<std::string, Rows> Reverse::gradients() {
    std::map<std::string, Rows> gradients;
    for (const Argument* argument : wanted_) {
        Rows rows(argument->size);
        for (int i = 0; i < argument->size; ++i) rows[i] = argument->first_row + i;
        const auto [positions, totals] = this->totals(rows);
        Rows gradient(argument->size, builder_.constant(0));
        for (std::size_t i = 0; i < positions.size(); ++i) gradient[positions[i]] = totals[i];
        gradients[gradient_of(argument->name)] = std::move(gradient);
    }
    return gradients;
}

std::unique_ptr<DerivedProgram> adjoint(const Program& program, const AdjointRequest& request) {
    Builder builder(program);
    Reverse reverse(builder, request.arguments, request.least_root);
    for (const std::string& output : request.outputs)
        if (const auto found = program.outputs.find(output); found != program.outputs.end())
            reverse.seed(cotangent_of(output), found->second);
    reverse.run();
    return builder.finish(request.name, reverse.gradients());
}

bool has_gradient(const std::string& operation) { return gradient_rule(operation) != nullptr; }

}  // namespace mbrl
