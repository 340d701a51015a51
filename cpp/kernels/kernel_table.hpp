// What a kernel sees. Plain data only: this header is compiled for several instruction sets.
#pragma once

#include <stdint.h>

namespace mbrl {

/// One row as an operand: where it starts, and whether it advances with the lanes (1) or repeats one vector (0).
struct Operand {
    int32_t offset;
    int32_t advance;
};

/// The memory that one tile works on.
struct Frame {
    float* lanes;           // [row][lane], rows `stride` floats apart (the stride is folded into the offsets)
    const float* uniforms;  // one 16-float group per constant or uniform row
    const float* weights;   // packed weights of the member
    int32_t width;          // lanes in use, a multiple of the vector length
    int32_t stride;         // floats between neighbouring rows
};

/// One instruction with every operand resolved. Output rows, and the input rows of `linear`, are neighbours.
struct Step {
    const Operand* in[3];
    int32_t in_first;   // linear, matrix: offset of the first input row
    int32_t out;        // offset of the first output row
    int32_t count;      // output rows
    int32_t inner;      // rows reduced into one output row
    int32_t has_start;  // sum, dot: the last operand is the start value
    int32_t relu;       // linear: activation
    int32_t matrix;     // dot: the first factors are neighbours from in_first on, the second are the same for every output
    int64_t weights;    // linear: offset into Frame::weights
};
using Kernel = void (*)(const Frame&, const Step&);

enum class OpKind : int32_t { map, reduce, dot, linear };

/// A row of the table of operations; the same rows in the same order for every instruction set.
struct OpKernel {
    const char* name;
    OpKind kind;
    int32_t arity;
    Kernel run;
};

/// Standard normals for `blocks`·4 consecutive elements of `width` consecutive candidates.
struct NoiseArgs {
    uint32_t key[2];
    uint32_t plan, iteration, first_candidate;
    int32_t first_block, blocks;
    float* rows;  // element e of the first block at rows + e·stride
    int64_t stride;
    int32_t width;
};

struct KernelTable {
    const char* name;
    int32_t lanes;  // floats in a vector
    const OpKernel* ops;
    int32_t op_count;
    void (*normals)(const NoiseArgs&);
    /// row ← clip(row·scale + shift, low, high)
    void (*affine_clip)(float* row, float scale, float shift, float low, float high, int32_t width);
    /// row ← the standard normals as normals between -2 and 2: Φ⁻¹ of (1 - 2Φ(-2))·Φ + Φ(-2), which keeps their order
    void (*truncate)(float* row, int32_t width);
    /// rows[h] ← Σ_{j≤h} lower[h,j]·rows[j], in place; row h at rows + h·stride
    void (*lower_triangular)(float* rows, int64_t stride, const float* lower, int32_t size, int32_t width);
    /// total ← total + alive·discount·value by select; alive ← alive and not ended (ended may be null)
    void (*accumulate)(float* total, float* alive, const float* value, const float* ended, float discount, int32_t width);
    /// row ← row + scale·value
    void (*add_scaled)(float* row, const float* value, float scale, int32_t width);
};

extern const KernelTable baseline_kernels;
extern const KernelTable scalar_kernels;
#if defined(__x86_64__)
extern const KernelTable avx2_kernels;
extern const KernelTable avx512_kernels;
#endif

/// How linear's weights are packed: blocks of output rows, each its biases, then its weights input by input.
inline constexpr int32_t kRowBlock = 12;
/// A layer with so few inputs holds them in registers: its blocks are single rows.
inline constexpr int32_t kFewInputs = 6;
constexpr int32_t row_block(int32_t inputs) { return inputs <= kFewInputs ? 1 : kRowBlock; }

}  // namespace mbrl
