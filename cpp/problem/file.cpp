#include "problem/file.hpp"

#include <cmath>
#include <cstdio>

#include "core/check.hpp"
#include "kernels/dispatch.hpp"
#include "problem/json.hpp"
#include "problem/safetensors.hpp"

namespace mbrl {
namespace {

constexpr int kMaxSize = 1 << 20;
// Far more than any problem needs. Names are looked up one by one: few of them keep a hostile file from being slow.
constexpr std::size_t kMaxNames = 1024;
constexpr std::size_t kMaxPrograms = 8;

const std::string& metadata(const Container& container, const std::string& key) {
    const auto found = container.metadata.find(key);
    check(found != container.metadata.end(), "file: metadata has no '", key, "': not an mbrl_fast Problem file");
    return found->second;
}

void check_header(const Container& container) {
    check(metadata(container, "format") == kFormat, "file: format must be ", kFormat, ", got ",
          metadata(container, "format").substr(0, 40));
    const std::string& version = metadata(container, "version");
    check(version == std::to_string(kFormatVersion), "file: version must be ", kFormatVersion, ", got ", version.substr(0, 40),
          ": load it with a matching mbrl_fast, or export it again");
    char checksum[9];
    std::snprintf(checksum, sizeof checksum, "%08x", static_cast<unsigned>(crc32(container.data)));
    check(metadata(container, "crc32") == checksum, "file: tensor bytes are damaged, crc32 must be ",
          metadata(container, "crc32").substr(0, 16), ", got ", checksum);
}

const Tensor* find_tensor(const Container& container, const std::string& name) {
    const auto found = container.tensors.find(name);
    check(found != container.tensors.end(), "file: tensor ", name, " is missing");
    return &found->second;
}

bool is_test_vector(const std::string& name) { return name.starts_with("test/"); }

/// Once per tensor and not per use: a small file may name a large tensor very often.
void check_numbers(const Container& container) {
    for (const auto& [name, tensor] : container.tensors) {
        if (is_test_vector(name)) continue;
        for (std::size_t i = 0; i < tensor.data.size(); ++i)
            check(tensor.data[i] == tensor.data[i], "file: tensor ", name, " must not hold NaN, found one at index ", i);
    }
}

Instruction read_instruction(const Field& field, const Container& container) {
    Instruction instruction;
    const std::string op = field["op"].string();
    instruction.op = find_op(op.c_str());
    check(instruction.op >= 0, field.path(), ": unknown operation '", op.substr(0, 40), "': the file needs a newer mbrl_fast");
    const Field in = field["in"];
    check(in.size() <= 3, in.path(), " must have at most 3 operand lists, got ", in.size());
    for (std::size_t i = 0; i < in.size(); ++i) instruction.in.push_back(in.at(i).integers(0, INT32_MAX));
    instruction.out = field["out"].integers(0, INT32_MAX);
    if (op == "linear") {
        instruction.weight = find_tensor(container, field["weight"].string());
        instruction.bias = find_tensor(container, field["bias"].string());
        const std::string activation = field["activation"].string();
        check(activation.empty() || activation == "relu", field.path(), ".activation must be '' or 'relu', got '",
              activation.substr(0, 40), "'");
        instruction.relu = !activation.empty();
    }
    return instruction;
}

Program read_program(const Field& field, const std::string& name, const Container& container) {
    Program program;
    program.name = name;
    program.members = static_cast<int>(field["members"].integer(0, INT32_MAX));
    program.constants = static_cast<int>(field["constants"].integer(0, INT32_MAX));
    program.prologue = static_cast<int>(field["prologue"].integer(0, INT32_MAX));
    const Field arguments = field["arguments"];
    check(arguments.size() <= kMaxNames, arguments.path(), " must have at most ", kMaxNames, " entries, got ", arguments.size());
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string kind = arguments.at(i).at(2).string();
        check(kind == "lane" || kind == "uniform", arguments.at(i).path(), " must be lane or uniform, got '", kind.substr(0, 40),
              "'");
        program.arguments.push_back(
            {arguments.at(i).at(0).string(), static_cast<int>(arguments.at(i).at(1).integer(0, kMaxSize)), kind == "uniform", 0});
    }
    const Field instructions = field["instructions"];
    for (std::size_t i = 0; i < instructions.size(); ++i)
        program.instructions.push_back(read_instruction(instructions.at(i), container));
    for (const auto& [output, rows] : field["outputs"].object().items())
        program.outputs[output] = Field(rows, field.path() + ".outputs." + output).integers(0, INT32_MAX);
    program.finish(program.constants > 0 ? find_tensor(container, name + "/constants") : nullptr);
    return program;
}

/// Planning takes denormals for zeros: a denormal bound would be left by the action zero, so it is zero too.
std::vector<float> read_bounds(const Field& field) {
    std::vector<float> values(field.size());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(field.at(i).hex_float());
    for (float& value : values)
        if (std::fpclassify(value) == FP_SUBNORMAL) value = 0;
    return values;
}

double read_bound(const Field& field) {
    const double bound = field.hex_float();
    check(std::isfinite(bound), field.path(), " must be finite, got ", bound);
    return bound;
}

Input read_input(const Field& field) {
    Input input;
    input.name = field["name"].string();
    input.per_step = field["per_step"].boolean();
    input.shape = field["shape"].integers(0, kMaxSize);
    std::int64_t size = 1;
    for (int n : input.shape) {
        size *= n;
        check(size <= kMaxSize, field.path(), ".shape must have at most ", kMaxSize, " elements");
    }
    return input;
}

std::vector<Input> read_inputs(const Field& field) {
    check(field.size() <= kMaxNames, field.path(), " must have at most ", kMaxNames, " entries, got ", field.size());
    std::vector<Input> inputs;
    int elements = 0;
    for (std::size_t i = 0; i < field.size(); ++i) {
        Input input = read_input(field.at(i));
        for (const Input& other : inputs) check(other.name != input.name, field.path(), ": name '", input.name, "' appears twice");
        elements += input.size();
        check(elements <= kMaxSize, field.path(), " must have at most ", kMaxSize, " elements in all, got ", elements);
        inputs.push_back(std::move(input));
    }
    return inputs;
}

}  // namespace

std::shared_ptr<Problem> load_problem(std::string_view bytes) {
    Container container = read_safetensors(bytes);
    check_header(container);
    check_numbers(container);
    auto problem = std::make_shared<Problem>();
    problem->graph = metadata(container, "graph");
    const Json json = parse_json(problem->graph, "graph");
    const Field graph(json, "graph");
    problem->state_size = static_cast<int>(graph["state_size"].integer(1, kMaxSize));
    problem->action_size = static_cast<int>(graph["action_size"].integer(1, kMaxSize));
    problem->dt = graph["dt"].hex_float();
    problem->members = static_cast<int>(graph["members"].integer(1, 4096));
    problem->action_low = read_bounds(graph["action_low"]);
    problem->action_high = read_bounds(graph["action_high"]);
    problem->inputs = read_inputs(graph["inputs"]);
    const Field programs = graph["programs"];
    check(programs.object().size() <= kMaxPrograms, programs.path(), " must have at most ", kMaxPrograms, " entries, got ",
          programs.object().size());
    for (const auto& [name, value] : programs.object().items()) {
        Program program = read_program(Field(value, "graph.programs." + name), name, container);
        check(program.members == 1 || program.members == problem->members, "program ", name,
              ": members must be 1 or the problem's ", problem->members, ", got ", program.members);
        problem->programs.emplace(name, std::move(program));
    }
    for (auto& [name, tensor] : container.tensors)
        if (is_test_vector(name)) problem->test_vectors[name] = std::move(tensor);
    if (graph.object().contains("reward_bound")) problem->declared_bound = read_bound(graph["reward_bound"]);
    problem->validate();
    problem->derive_bounds();
    return problem;
}

}  // namespace mbrl
