// Problem files: every rule of the loader has a file that breaks it; damage of any kind ends in one sentence.
#include <cmath>
#include <cstring>
#include <functional>

#include "problem_file.hpp"
#include "test.hpp"

namespace {

using test::container;
using test::everything;
using test::hex;
using test::Json;
using test::line;
using test::ProblemFile;

void load(const std::string& bytes) { mbrl::load_problem(bytes); }

/// The valid file with one thing changed.
std::string changed(const std::function<void(ProblemFile&)>& change) {
    ProblemFile file = everything();
    change(file);
    return file.bytes();
}

Json& step(ProblemFile& file) { return file.graph["programs"]["step"]; }

#define EXPECT_REFUSED(CHANGE, PART) EXPECT_ERROR(load(changed([](ProblemFile& file) { CHANGE; })), PART)

TEST(a_valid_file_loads) {
    const auto problem = everything().load();
    EXPECT(problem->state_size == 2 && problem->action_size == 1 && problem->members == 2 && problem->dt == 0.5);
    EXPECT(problem->inputs.size() == 2 && problem->inputs[1].per_step && problem->inputs[0].size() == 2);
    EXPECT(problem->programs.size() == 2 && problem->test_vectors.size() == 1);
    EXPECT(line().load()->find_input("goal") && !line().load()->find_input("nothing"));
}

TEST(crc32_is_zlibs) { EXPECT(mbrl::crc32("123456789") == 0xCBF43926u && mbrl::crc32("") == 0u); }

TEST(what_is_no_safetensors_file_is_refused) {
    EXPECT_ERROR(load(""), "file: must be a safetensors file of at least 8 bytes, got 0");
    EXPECT_ERROR(load("1234567"), "at least 8 bytes, got 7");
    EXPECT_ERROR(load("this is not a safetensors file"), "header must be at most 8388608 bytes, it claims");
    EXPECT_ERROR(load(container("{}", "").substr(0, 9)), "file: truncated, the header claims 2 bytes and 1 are there");
    EXPECT_ERROR(load(container("{", "")), "file header: not valid JSON");
    EXPECT_ERROR(load(container("[]", "")), "file header must be an object");
    EXPECT_ERROR(load(container("{\"\xff\": 1}", "")), "file header: not valid JSON");
    EXPECT_ERROR(load(container(std::string(40, '['), "")), "file header: JSON must be at most 32 levels deep");
    EXPECT_ERROR(load(container(R"({"a": {"b": 1, "b": 2}})", "")), "file header: key 'b' appears twice");
    EXPECT_ERROR(load(container("{}", "")), "file: metadata has no 'format': not an mbrl_fast Problem file");
    EXPECT_ERROR(load(container(R"({"__metadata__": 1})", "")), "file metadata must be an object");
    EXPECT_ERROR(load(container(R"({"__metadata__": {"format": 1}})", "")), "file metadata.format must be a string");
}

TEST(tensors_are_float32_and_cover_the_data) {
    const auto tensor = [](const std::string& text, std::size_t bytes) {
        return container("{\"t\": " + text + "}", std::string(bytes, '\0'));
    };
    EXPECT_ERROR(load(tensor(R"(1)", 0)), "tensor t must be an object");
    EXPECT_ERROR(load(tensor(R"({})", 0)), "tensor t has no field 'dtype'");
    EXPECT_ERROR(load(tensor(R"({"dtype": "F64"})", 0)), "tensor t.dtype must be F32, got F64");
    EXPECT_ERROR(load(tensor(R"({"dtype": 1})", 0)), "tensor t.dtype must be a string");
    EXPECT_ERROR(load(tensor(R"({"dtype": "F32", "shape": 3})", 0)), "tensor t.shape must be a list");
    EXPECT_ERROR(load(tensor(R"({"dtype": "F32", "shape": [1,1,1,1,1,1,1,1,1]})", 0)),
                 "tensor t.shape must have at most 8 axes, got 9");
    EXPECT_ERROR(load(tensor(R"({"dtype": "F32", "shape": [-1]})", 0)), "tensor t.shape[0] must be in 0..536870912, got -1");
    EXPECT_ERROR(load(tensor(R"({"dtype": "F32", "shape": [1.5]})", 0)), "tensor t.shape[0] must be an integer");
    EXPECT_ERROR(load(tensor(R"({"dtype": "F32", "shape": [18446744073709551615]})", 0)),
                 "tensor t.shape[0] must be in 0..536870912");
    EXPECT_ERROR(load(tensor(R"({"dtype": "F32", "shape": [536870912, 536870912, 536870912]})", 0)),
                 "tensor t.shape must have at most 536870912 elements");
    EXPECT_ERROR(load(tensor(R"({"dtype": "F32", "shape": [1], "data_offsets": [0]})", 4)),
                 "tensor t.data_offsets must be [begin, end]");
    EXPECT_ERROR(load(tensor(R"({"dtype": "F32", "shape": [1], "data_offsets": [0, 8]})", 4)),
                 "tensor t.data_offsets[1] must be in 0..4, got 8");
    EXPECT_ERROR(load(tensor(R"({"dtype": "F32", "shape": [2], "data_offsets": [0, 4]})", 4)), "tensor t must take 8 bytes, got 4");
    EXPECT_ERROR(load(tensor(R"({"dtype": "F32", "shape": [1], "data_offsets": [4, 8]})", 8)),
                 "file: tensor t must begin at byte 0 of the data, got 4");
    EXPECT_ERROR(load(tensor(R"({"dtype": "F32", "shape": [1], "data_offsets": [0, 4]})", 8)),
                 "file: tensors must cover all 8 data bytes, they cover 4");
}

TEST(the_file_must_be_ours_of_this_version_and_whole) {
    EXPECT_REFUSED(file.metadata["format"] = "pt", "file: format must be mbrl_fast, got pt");
    EXPECT_REFUSED(file.metadata["version"] = "2",
                   "file: version must be 1, got 2: load it with a matching mbrl_fast, or export it again");
    EXPECT_REFUSED(file.metadata.erase("version"), "file: metadata has no 'version'");
    EXPECT_REFUSED(file.metadata["crc32"] = "00000000", "file: tensor bytes are damaged, crc32 must be 00000000, got");
    EXPECT_REFUSED(file.tensors.erase("step/w1"), "file: tensor step/w1 is missing");
    EXPECT_REFUSED(file.tensors["step/b0"].data[1] = NAN, "file: tensor step/b0 must not hold NaN, found one at index 1");
    EXPECT_REFUSED(file.metadata["graph"] = "{", "graph: not valid JSON");
}

TEST(the_graphs_fields_have_types_and_ranges) {
    EXPECT_REFUSED(file.graph.erase("dt"), "graph has no field 'dt'");
    EXPECT_REFUSED(file.graph["state_size"] = 0, "graph.state_size must be in 1..1048576, got 0");
    EXPECT_REFUSED(file.graph["action_size"] = "1", "graph.action_size must be an integer");
    EXPECT_REFUSED(file.graph["members"] = 5000, "graph.members must be in 1..4096, got 5000");
    EXPECT_REFUSED(file.graph["dt"] = "0.5", "graph.dt must be a hexadecimal float such as 0x1.8p+1, got '0.5'");
    EXPECT_REFUSED(file.graph["dt"] = "0x1.zp+1", "graph.dt must be a hexadecimal float");
    EXPECT_REFUSED(file.graph["dt"] = "", "graph.dt must be a hexadecimal float");
    EXPECT_REFUSED(file.graph["dt"] = "-inf", "dt must be > 0 seconds, got -inf");
    EXPECT_REFUSED(file.graph["dt"] = hex(0), "dt must be > 0 seconds, got 0");
    EXPECT_REFUSED(file.graph["inputs"] = 1, "graph.inputs must be a list");
    EXPECT_REFUSED(file.graph["inputs"][0] = 1, "graph.inputs[0] must be an object");
    EXPECT_REFUSED(file.graph["inputs"][0]["per_step"] = 1, "graph.inputs[0].per_step must be true or false");
    EXPECT_REFUSED(file.graph["inputs"][0]["shape"] = Json({4096, 4096}),
                   "graph.inputs[0].shape must have at most 1048576 elements");
    EXPECT_REFUSED(file.input("goal", {2}), "graph.inputs: name 'goal' appears twice");
    EXPECT_REFUSED(file.graph["programs"] = 1, "graph.programs must be an object");
    EXPECT_REFUSED(step(file)["outputs"] = 1, "graph.programs.step.outputs must be an object");
}

TEST(bounds_are_finite_and_in_order) {
    EXPECT_REFUSED(file.bounds({-1, -1}, {1, 1}), "action_low and action_high must have 1 values, got 2 and 2");
    EXPECT_REFUSED(file.bounds({1}, {-1}),
                   "action_low must be <= action_high and both finite, got action_low[0]=1, action_high[0]=-1");
    EXPECT_REFUSED(file.bounds({-1}, {1}).graph["action_high"][0] = "inf", "action_high[0]=inf");
    EXPECT_REFUSED(file.graph["action_low"][0] = hex(1e300), "action_low[0]=inf");
}

TEST(instructions_are_known_and_well_formed) {
    EXPECT_REFUSED(step(file)["instructions"][0]["op"] = "conv",
                   "graph.programs.step.instructions[0]: unknown operation 'conv': the file needs a newer mbrl_fast");
    EXPECT_REFUSED(step(file)["instructions"][0]["in"] = Json({{1}, {1}, {1}, {1}}),
                   "instructions[0].in must have at most 3 operand lists, got 4");
    EXPECT_REFUSED(step(file)["instructions"][0]["in"][0][0] = -1, "instructions[0].in[0][0] must be in 0..2147483647, got -1");
    EXPECT_REFUSED(step(file)["instructions"][1]["activation"] = "gelu",
                   "instructions[1].activation must be '' or 'relu', got 'gelu'");
    EXPECT_REFUSED(step(file)["instructions"][1]["weight"] = "step/b0", "instruction 1 (linear): weight must have shape");
    EXPECT_REFUSED(step(file)["arguments"][0][2] = "both", "arguments[0] must be lane or uniform, got 'both'");
    EXPECT_REFUSED(step(file)["arguments"][0] = Json({"state", 2}), "arguments[0] must have an element 2");
    EXPECT_REFUSED(step(file)["prologue"] = 99, "prologue must be in 0..8, got 99");
    EXPECT_REFUSED(step(file)["members"] = 3, "shape [1 or members");
    EXPECT_REFUSED(file.graph["members"] = 3, "program step: members must be 1 or the problem's 3, got 2");
}

TEST(programs_fit_the_problem) {
    EXPECT_REFUSED(file.graph["programs"].erase("step"), "this problem has no step: export it with one");
    EXPECT_REFUSED(step(file)["outputs"].erase("next_state"), "program step must have an output next_state");
    EXPECT_REFUSED(step(file)["outputs"]["next_state"] = Json::array({16}),
                   "program step: output next_state must have 2 rows, got 1");
    EXPECT_REFUSED(step(file)["outputs"]["reward"] = Json::array(), "program step: output reward must have 1 rows, got 0");
    EXPECT_REFUSED(step(file)["outputs"]["termination"] = Json({20, 21}), "output termination must have 1 rows, got 2");
    EXPECT_REFUSED(step(file)["outputs"]["std"] = Json::array({20}), "output std must have 2 rows, got 1");
    EXPECT_REFUSED(file.graph["programs"]["terminal_value"]["outputs"] = Json::object(),
                   "program terminal_value must have an output value");
    EXPECT_REFUSED(step(file)["arguments"][4][0] = "target",
                   "program step: argument target is neither state, action, previous_action, time, noise nor a run-time input");
    EXPECT_REFUSED(file.graph["programs"]["terminal_value"]["arguments"][0] = Json({"time", 1, "uniform"});
                   file.graph["programs"]["terminal_value"]["instructions"] = Json::array();
                   file.graph["programs"]["terminal_value"]["outputs"]["value"] = Json::array({0}),
                   "program terminal_value: argument time must have 1 lane rows, got 1 uniform");
    EXPECT_REFUSED(file.graph["inputs"][0]["shape"] = Json({3}),
                   "program step: argument goal must have 3 uniform rows, got 2 uniform");
    EXPECT_REFUSED(file.graph["programs"]["terminal_value"]["arguments"][0] = Json({"wind", 1, "lane"});
                   file.graph["programs"]["terminal_value"]["instructions"] = Json::array();
                   file.graph["programs"]["terminal_value"]["outputs"]["value"] = Json::array({0}),
                   "terminal_value must depend on state and inputs that are not per step, it uses wind");
}

/// The rollout writes the state into the step's argument: a step without one has no place for it.
TEST(a_step_must_have_a_state) {
    ProblemFile file(1, 1);
    test::ProgramText text;
    text.argument("action", 1).output("next_state", {0}).output("reward", {0});
    EXPECT_ERROR(file.program("step", text).load(), "program step must have an argument state");
}

TEST(weights_of_another_graph_are_refused) {
    auto problem = everything().load();
    EXPECT_ERROR(problem->assign_weights(*line().load()), "new weights must come with the same graph");
    problem->assign_weights(*everything().load());
}

TEST(a_file_cut_anywhere_is_refused) {
    const std::string bytes = everything().bytes();
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        // A heap copy of exactly this size, so that the sanitizer sees one byte too far.
        const std::vector<char> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
        const std::string sentence = test::error_of([&] { mbrl::load_problem({part.data(), part.size()}); });
        EXPECT(!sentence.empty(), "cut at byte ", size);
    }
}

TEST(a_changed_data_byte_is_found) {
    const std::string bytes = everything().bytes();
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), 8);
    for (std::size_t i = 8 + header; i < bytes.size(); ++i) {
        std::string damaged = bytes;
        damaged[i] ^= 1;
        EXPECT_ERROR(load(damaged), "file: tensor bytes are damaged");
    }
}

TEST(a_changed_header_byte_never_crashes) {
    const std::string bytes = everything().bytes();
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), 8);
    int refused = 0, accepted = 0;
    for (std::size_t i = 0; i < 8 + header; ++i) {
        for (const int flip : {1, 2, 16, 128}) {
            std::string damaged = bytes;
            damaged[i] = static_cast<char>(damaged[i] ^ flip);
            (test::error_of([&] { load(damaged); }).empty() ? accepted : refused) += 1;
        }
    }
    // A digit of a row, a name or the dt may change and still be a valid file of another problem.
    EXPECT(refused > 10 * accepted, refused, " refused, ", accepted, " accepted");
}

}  // namespace

TEST_MAIN
