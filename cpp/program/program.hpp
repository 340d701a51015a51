// A Program: a short straight-line list of operations over rows. A row is one scalar for every candidate.
//
// Row numbering: constants, then the arguments in order, then instruction outputs; each is assigned once, before use.
// Constant rows come with the file, uniform rows are the same for all candidates (once per plan), lane rows differ.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/aligned.hpp"
#include "kernels/kernel_table.hpp"

namespace mbrl {

struct Tensor {
    std::vector<std::int64_t> shape;
    std::vector<float> data;
};

enum class RowLevel : std::uint8_t { undefined, constant, uniform, lane };

struct Argument {
    std::string name;
    int size = 0;
    bool uniform = false;
    int first_row = 0;
};

struct Instruction {
    int op = 0;                        // index into KernelTable::ops
    std::vector<std::vector<int>> in;  // operand lists of row numbers
    std::vector<int> out;
    bool relu = false;               // linear only
    const Tensor* weight = nullptr;  // [1|members, out, in], only while loading
    const Tensor* bias = nullptr;    // [1|members, out]
    std::int64_t packed = 0;         // linear: offset into a member's packed weights

    int inner() const;       // rows reduced into one output row
    bool has_start() const;  // sum, dot: the last list holds start values
};

/// The numbers that may be replaced while others plan: never changed once they are shared, only exchanged as a whole.
struct Weights {
    AlignedFloats packed;          // [members, packed size]
    std::vector<float> constants;  // [1|members, constants]
};

class Program {
 public:
    std::string name;
    int members = 1;
    int constants = 0;
    int prologue = 0;  // leading instructions that need constant and uniform rows only
    std::vector<Argument> arguments;
    std::vector<Instruction> instructions;
    std::map<std::string, std::vector<int>> outputs;

    /// Checks every index and shape, derives the row levels, packs the weights. Throws Error with one sentence.
    void finish(const Tensor* constant_values);

    /// As the file gave them. A Problem may have newer ones, see Problem::weights.
    const std::shared_ptr<const Weights>& weights() const { return weights_; }
    /// Throws Error unless weights of another Program of the same graph fit this one.
    void check_weights(const Weights& weights) const;

    const Argument* find_argument(const std::string& argument) const;
    int rows() const { return static_cast<int>(levels_.size()); }
    RowLevel level(int row) const { return levels_[row]; }
    /// Position of a constant or uniform row in the block of uniform rows.
    int uniform_index(int row) const { return uniform_index_[row]; }
    int uniform_rows() const { return uniform_rows_; }
    const float* packed_weights(int member) const { return packed_weights(*weights_, member); }
    const float* packed_weights(const Weights& weights, int member) const { return weights.packed.data() + packed_size_ * member; }
    float constant(int member, int index) const { return constant(*weights_, member, index); }
    float constant(const Weights& weights, int member, int index) const;
    /// Of a linear instruction: output `row`, input `k`.
    float packed_bias(int member, const Instruction& linear, int row) const;
    float packed_weight(int member, const Instruction& linear, int row, int k) const;
    /// Where a member's packed weights hold what output `row` of a linear multiplies input `k` with; its bias for k = -1.
    static std::int64_t packed_at(const Instruction& linear, int row, int k);
    std::int64_t multiply_adds() const;  // per candidate, prologue excluded

 private:
    void check_instruction(int index, const std::vector<RowLevel>& levels) const;
    AlignedFloats pack();

    std::vector<RowLevel> levels_;
    std::vector<int> uniform_index_;
    int uniform_rows_ = 0;
    std::shared_ptr<const Weights> weights_ = std::make_shared<Weights>();
    std::int64_t packed_size_ = 0;
};

}  // namespace mbrl
