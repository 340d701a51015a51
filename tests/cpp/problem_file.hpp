// Builds Problem files in memory: valid ones, and through `graph`, `metadata` and `tensors` any broken one.
// Every body that JSON's templates grow into, copies and destructors too, is in problem_file.cpp: a test compiles in 2/3 of the
// time.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "problem/file.hpp"
#include "problem/safetensors.hpp"

namespace test {

using Json = nlohmann::json;

std::string hex(double value);

/// The bytes of a safetensors file with this header and data.
std::string container(const std::string& header, const std::string& data);

/// A program of `problem_file.hpp`: rows are numbered by the caller, as in the file.
struct ProgramText {
    ProgramText();
    ProgramText(const ProgramText&);
    ProgramText& operator=(const ProgramText&);
    ~ProgramText();

    ProgramText& argument(const std::string& name, int size, const std::string& kind = "lane");
    ProgramText& op(const std::string& name, std::vector<std::vector<int>> in, std::vector<int> out);
    ProgramText& linear(std::vector<int> in, std::vector<int> out, const std::string& weight, const std::string& bias,
                        const std::string& activation = "");
    ProgramText& output(const std::string& name, std::vector<int> rows);

    Json json;
};

class ProblemFile {
 public:
    ProblemFile(int state_size, int action_size);
    ProblemFile(const ProblemFile&);
    ProblemFile& operator=(const ProblemFile&);
    ~ProblemFile();

    ProblemFile& program(const std::string& name, const ProgramText& text);
    ProblemFile& tensor(const std::string& name, std::vector<std::int64_t> shape, std::vector<float> data);
    ProblemFile& input(const std::string& name, std::vector<int> shape, bool per_step = false);
    ProblemFile& bounds(std::vector<float> low, std::vector<float> high);

    std::string bytes() const;
    std::shared_ptr<mbrl::Problem> load() const;

    Json graph, metadata;
    std::map<std::string, mbrl::Tensor> tensors;
};

/// x' = x + u, reward = -|x' - goal|; one state, one action, one uniform input.
/// Rows: 0 state, 1 action, 2 goal, 3 next state, 4 difference, 5 distance, 6 reward.
ProgramText line_step();
ProblemFile line();

/// A network with constants, a prologue, an ensemble of two members, a terminal value and a test vector:
/// something of everything that a file can hold. State 2, action 1.
ProblemFile everything();

}  // namespace test
