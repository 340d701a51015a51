#include "program/derived.hpp"

#include <deque>
#include <utility>

namespace mbrl {

DerivedProgram::DerivedProgram(const Program& original, Program program, std::vector<WeightSource> sources,
                               std::vector<float> constants)
    : original_(&original), program_(std::move(program)), sources_(std::move(sources)), constants_(std::move(constants)) {
    // finish() packs tensors, so the first weights are given to it as such.
    std::deque<Tensor> tensors;
    const Weights& weights = *original.weights();
    for (std::size_t i = 0; i < sources_.size(); ++i) {
        const WeightSource& source = sources_[i];
        if (source.instruction < 0) continue;
        const auto outs = static_cast<int>(source.out.size()), ins = static_cast<int>(source.in.size());
        Tensor& weight = tensors.emplace_back(Tensor{{original.members, outs, ins}, {}});
        Tensor& bias = tensors.emplace_back(Tensor{{original.members, outs}, {}});
        for (int member = 0; member < original.members; ++member)
            for (int out = 0; out < outs; ++out) {
                bias.data.push_back(this->weight(weights, member, source, out, -1));
                for (int in = 0; in < ins; ++in) weight.data.push_back(this->weight(weights, member, source, out, in));
            }
        program_.instructions[i].weight = &weight;
        program_.instructions[i].bias = &bias;
    }
    const Tensor values = this->constants(weights);
    program_.finish(program_.constants > 0 ? &values : nullptr);
}

/// Of the bias for in = -1.
float DerivedProgram::weight(const Weights& weights, int member, const WeightSource& source, int out, int in) const {
    const Instruction& linear = original_->instructions[source.instruction];
    if (in < 0 && source.transposed) return 0;
    int row = source.out[out], k = in < 0 ? -1 : source.in[in];
    if (source.transposed) std::swap(row, k);
    return original_->packed_weights(weights, member)[Program::packed_at(linear, row, k)];
}

Tensor DerivedProgram::constants(const Weights& weights) const {
    const bool shared = original_->constants == 0 || static_cast<int>(weights.constants.size()) == original_->constants;
    const int members = shared ? 1 : original_->members;
    Tensor values{{members, program_.constants}, {}};
    for (int member = 0; member < members; ++member) {
        const auto from = weights.constants.begin() + static_cast<std::ptrdiff_t>(member) * original_->constants;
        values.data.insert(values.data.end(), from, from + original_->constants);
        values.data.insert(values.data.end(), constants_.begin(), constants_.end());
    }
    return values;
}

std::shared_ptr<const Weights> DerivedProgram::weights(const Weights& original) const {
    auto derived = std::make_shared<Weights>();
    derived->packed = AlignedFloats(program_.weights()->packed.size());
    derived->constants = constants(original).data;
    const std::size_t size = derived->packed.size() / program_.members;
    for (int member = 0; member < program_.members; ++member) {
        float* to = derived->packed.data() + size * member;
        for (std::size_t i = 0; i < sources_.size(); ++i) {
            const Instruction& linear = program_.instructions[i];
            if (sources_[i].instruction < 0) continue;
            for (int out = 0; out < static_cast<int>(linear.out.size()); ++out)
                for (int in = -1; in < linear.inner(); ++in)
                    to[Program::packed_at(linear, out, in)] = weight(original, member, sources_[i], out, in);
        }
    }
    return derived;
}

}  // namespace mbrl
