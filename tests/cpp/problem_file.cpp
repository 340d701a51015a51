#include "problem_file.hpp"

namespace test {

std::string hex(double value) {
    char text[64];
    std::snprintf(text, sizeof text, "%a", value);
    return text;
}

std::string container(const std::string& header, const std::string& data) {
    std::string bytes(8, '\0');
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(std::uint64_t{header.size()} >> (8 * i) & 0xFF);
    return bytes + header + data;
}

ProgramText::ProgramText()
    : json({{"members", 1},
            {"constants", 0},
            {"arguments", Json::array()},
            {"prologue", 0},
            {"instructions", Json::array()},
            {"outputs", Json::object()}}) {}
ProgramText::ProgramText(const ProgramText&) = default;
ProgramText& ProgramText::operator=(const ProgramText&) = default;
ProgramText::~ProgramText() = default;

ProgramText& ProgramText::argument(const std::string& name, int size, const std::string& kind) {
    json["arguments"].push_back({name, size, kind});
    return *this;
}

ProgramText& ProgramText::op(const std::string& name, std::vector<std::vector<int>> in, std::vector<int> out) {
    json["instructions"].push_back({{"op", name}, {"in", in}, {"out", out}});
    return *this;
}

ProgramText& ProgramText::linear(std::vector<int> in, std::vector<int> out, const std::string& weight, const std::string& bias,
                                 const std::string& activation) {
    json["instructions"].push_back({{"op", "linear"},
                                    {"in", Json::array({in})},
                                    {"out", out},
                                    {"weight", weight},
                                    {"bias", bias},
                                    {"activation", activation}});
    return *this;
}

ProgramText& ProgramText::output(const std::string& name, std::vector<int> rows) {
    json["outputs"][name] = rows;
    return *this;
}

ProblemFile::ProblemFile(int state_size, int action_size) {
    graph = {{"state_size", state_size},
             {"action_size", action_size},
             {"dt", hex(0.5)},
             {"action_low", std::vector<std::string>(action_size, hex(-1))},
             {"action_high", std::vector<std::string>(action_size, hex(1))},
             {"members", 1},
             {"inputs", Json::array()},
             {"programs", Json::object()}};
    metadata = {{"format", "mbrl_fast"}, {"version", "1"}};
}
ProblemFile::ProblemFile(const ProblemFile&) = default;
ProblemFile& ProblemFile::operator=(const ProblemFile&) = default;
ProblemFile::~ProblemFile() = default;

ProblemFile& ProblemFile::program(const std::string& name, const ProgramText& text) {
    graph["programs"][name] = text.json;
    return *this;
}

ProblemFile& ProblemFile::tensor(const std::string& name, std::vector<std::int64_t> shape, std::vector<float> data) {
    tensors[name] = {std::move(shape), std::move(data)};
    return *this;
}

ProblemFile& ProblemFile::input(const std::string& name, std::vector<int> shape, bool per_step) {
    graph["inputs"].push_back({{"name", name}, {"shape", shape}, {"per_step", per_step}});
    return *this;
}

ProblemFile& ProblemFile::bounds(std::vector<float> low, std::vector<float> high) {
    graph["action_low"] = graph["action_high"] = Json::array();
    for (float value : low) graph["action_low"].push_back(hex(value));
    for (float value : high) graph["action_high"].push_back(hex(value));
    return *this;
}

std::string ProblemFile::bytes() const {
    std::string data;
    Json header = Json::object();
    for (const auto& [name, tensor] : tensors) {
        const std::size_t begin = data.size();
        data.append(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size() * sizeof(float));
        header[name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
    }
    char checksum[9];
    std::snprintf(checksum, sizeof checksum, "%08x", static_cast<unsigned>(mbrl::crc32(data)));
    Json texts = metadata;
    if (!texts.contains("crc32")) texts["crc32"] = checksum;
    if (!texts.contains("graph")) texts["graph"] = graph.dump();
    header["__metadata__"] = texts;
    return container(header.dump(), data);
}

std::shared_ptr<mbrl::Problem> ProblemFile::load() const { return mbrl::load_problem(bytes()); }

ProgramText line_step() {
    ProgramText step;
    step.argument("state", 1).argument("action", 1).argument("goal", 1, "uniform");
    step.op("add", {{0}, {1}}, {3}).op("sub", {{3}, {2}}, {4}).op("abs", {{4}}, {5}).op("neg", {{5}}, {6});
    return step.output("next_state", {3}).output("reward", {6});
}

ProblemFile line() {
    ProblemFile file(1, 1);
    return file.input("goal", {1}).program("step", line_step());
}

ProblemFile everything() {
    ProblemFile file(2, 1);
    file.graph["members"] = 2;
    file.input("goal", {2}).input("wind", {1}, true);
    // Rows: 0 constant, 1 2 state, 3 action, 4 previous action, 5 time, 6 7 goal, 8 wind, 9 10 goal scaled (prologue),
    // 11.. hidden 3, 14 15 change, 16 17 next, 18 19 difference, 20 reward, 21 ended.
    ProgramText step;
    step.json["members"] = 2;
    step.json["constants"] = 1;
    step.argument("state", 2).argument("action", 1).argument("previous_action", 1).argument("time", 1);
    step.argument("goal", 2, "uniform").argument("wind", 1);
    step.json["prologue"] = 1;
    step.op("mul", {{6, 7}, {0, 0}}, {9, 10});
    step.linear({1, 2, 3, 4, 5, 8}, {11, 12, 13}, "step/w0", "step/b0", "relu");
    step.linear({11, 12, 13}, {14, 15}, "step/w1", "step/b1");
    step.op("add", {{1, 2}, {14, 15}}, {16, 17});
    step.op("sub", {{16, 17}, {9, 10}}, {18, 19});
    step.op("dot", {{18, 19}, {18, 19}}, {20});
    step.op("lt", {{20}, {0}}, {21});
    step.op("neg", {{20}}, {22});
    step.output("next_state", {16, 17}).output("reward", {22}).output("termination", {21});
    ProgramText terminal;
    terminal.argument("state", 2).op("sum", {{0, 1}}, {2}).output("value", {2});
    const auto numbers = [](int count, float first) {
        std::vector<float> values(count);
        for (int i = 0; i < count; ++i) values[i] = first + 0.1f * static_cast<float>(i % 7) - 0.3f;
        return values;
    };
    file.program("step", step).program("terminal_value", terminal);
    file.tensor("step/constants", {2, 1}, {0.01f, 0.02f});
    file.tensor("step/w0", {2, 3, 6}, numbers(36, 0.05f)).tensor("step/b0", {1, 3}, {0.1f, -0.1f, 0.2f});
    file.tensor("step/w1", {1, 2, 3}, numbers(6, -0.05f)).tensor("step/b1", {2, 2}, {0, 0.1f, 0.2f, 0.3f});
    return file.tensor("test/step/in/state", {2}, {0.5f, -0.5f});
}

}  // namespace test
