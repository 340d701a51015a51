#include "mutate.hpp"

#include <cmath>
#include <limits>
#include <optional>
#include <random>

#include "kernels/dispatch.hpp"
#include "problem_file.hpp"

namespace fuzz {
namespace {

using test::Json;

constexpr std::size_t kMaxData = 1 << 14;

struct Parts {
    Json header, graph;
    std::string data;
};

std::optional<Parts> split(std::string_view bytes) {
    if (bytes.size() < 8) return {};
    std::uint64_t size = 0;
    for (int i = 7; i >= 0; --i) size = size << 8 | static_cast<unsigned char>(bytes[i]);
    if (size > bytes.size() - 8) return {};
    Parts parts;
    parts.header = Json::parse(bytes.substr(8, size), nullptr, false);
    if (!parts.header.is_object() || !parts.header["__metadata__"].is_object()) return {};
    Json& graph = parts.header["__metadata__"]["graph"];
    if (!graph.is_string()) return {};
    parts.graph = Json::parse(graph.get<std::string>(), nullptr, false);
    if (!parts.graph.is_object()) return {};
    parts.data = bytes.substr(8 + size);
    return parts;
}

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string join(Parts parts, const std::string& graph) {
    char checksum[9];
    std::snprintf(checksum, sizeof checksum, "%08x", static_cast<unsigned>(mbrl::crc32(parts.data)));
    parts.header["__metadata__"]["crc32"] = checksum;
    parts.header["__metadata__"]["graph"] = graph;
    return test::container(text_of(parts.header), parts.data);
}

class Mutation {
 public:
    explicit Mutation(std::uint32_t seed) : random_(seed) {}

    std::size_t below(std::size_t count) { return count == 0 ? 0 : random_() % count; }
    bool one_in(std::size_t count) { return below(count) == 0; }

    /// A node of the tree, each equally likely.
    Json& pick(Json& root) {
        std::size_t at = below(count(root));
        return *find(root, at);
    }

    void edit(Json& root) {
        Json& node = pick(root);
        if (one_in(6)) {
            node = Json(pick(root));  // a copy first: the other may contain this one
        } else if (node.is_number()) {
            node = number(node);
        } else if (node.is_string()) {
            node = word();
        } else if (node.is_boolean()) {
            node = !node.get<bool>();
        } else if (node.is_array()) {
            edit_list(node, root);
        } else if (node.is_object()) {
            edit_object(node, root);
        }
    }

    /// A change that the loader mostly accepts: another operation of the same kind, another row defined before, another bound.
    void edit_gently(Parts& parts) {
        Json& programs = parts.graph["programs"];
        if (!programs.is_object() || programs.empty() || one_in(4)) return edit_number(parts);
        auto at = programs.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(below(programs.size())));
        if (!at->is_object()) return;
        Json& list = (*at)["instructions"];
        if (!list.is_array() || list.empty()) return;
        Json& instruction = list[below(list.size())];
        if (!instruction.is_object() || !instruction["op"].is_string() || !instruction["in"].is_array()) return;
        const mbrl::KernelTable& table = mbrl::kernels();
        const int old = mbrl::find_op(instruction["op"].get<std::string>().c_str());
        const mbrl::OpKernel& other = table.ops[below(static_cast<std::size_t>(table.op_count))];
        if (old >= 0 && !one_in(3)) {
            if (other.kind == table.ops[old].kind && other.arity == table.ops[old].arity) instruction["op"] = other.name;
        } else {
            for (Json& rows : instruction["in"])
                for (Json& row : rows)
                    if (row.is_number_unsigned() && one_in(2)) row = below(row.get<std::size_t>() % 4096 + 1);
        }
    }

    /// Gives every tensor the bytes that its shape asks for, so that other shapes get past the container.
    void lay_out(Parts& parts) {
        std::string data;
        for (auto& [name, tensor] : parts.header.items()) {
            if (name == "__metadata__" || !tensor.is_object() || !tensor["shape"].is_array()) continue;
            std::size_t bytes = 4;
            for (const Json& axis : tensor["shape"])
                bytes = axis.is_number_unsigned() ? std::min(bytes * std::min(axis.get<std::size_t>(), kMaxData), 4 * kMaxData) : 0;
            if (data.size() + bytes > kMaxData) return;
            const std::size_t begin = data.size();
            for (std::size_t i = 0; i < bytes; ++i)
                data.push_back(parts.data.empty() ? 0 : parts.data[(begin + i) % parts.data.size()]);
            tensor["data_offsets"] = {begin, data.size()};
        }
        parts.data = std::move(data);
    }

    void edit_data(std::string& data) {
        using Limits = std::numeric_limits<float>;
        const float values[] = {0,
                                -0.0f,
                                1,
                                -1,
                                1e38f,
                                -1e38f,
                                Limits::denorm_min(),
                                Limits::infinity(),
                                -Limits::infinity(),
                                1e-30f,
                                3e9f,
                                -5e9f,
                                Limits::quiet_NaN()};
        if (data.size() < 4) return;
        const float value = values[below(one_in(8) ? std::size(values) : std::size(values) - 1)];
        std::memcpy(data.data() + below(data.size() / 4) * 4, &value, 4);
    }

 private:
    void edit_number(Parts& parts) {
        static const char* numbers[] = {"0x0p+0", "0x1p-140", "0x1p+127", "0x1.fffffep+127", "0x1p+0", "-0x1p-3", "-0x1p+127"};
        if (one_in(2)) return edit_data(parts.data);
        Json& bounds = parts.graph[one_in(2) ? "action_low" : "action_high"];
        if (one_in(4))
            parts.graph["dt"] = numbers[below(5)];
        else if (bounds.is_array() && !bounds.empty())
            bounds[below(bounds.size())] = numbers[below(std::size(numbers))];
    }

    static std::size_t count(const Json& node) {
        std::size_t total = 1;
        if (node.is_structured())
            for (const Json& child : node) total += count(child);
        return total;
    }
    static Json* find(Json& node, std::size_t& at) {
        if (at == 0) return &node;
        --at;
        if (node.is_structured())
            for (Json& child : node)
                if (Json* found = find(child, at)) return found;
        return nullptr;
    }

    Json number(const Json& old) {
        static const std::int64_t special[] = {
            0,         1,        2, 3, -1, 16, 4096, 4097, 1 << 20, (1 << 20) + 1, INT32_MAX, INT32_MIN, std::int64_t{1} << 32,
            INT64_MAX, INT64_MIN};
        if (one_in(40)) return std::numeric_limits<std::uint64_t>::max();
        if (one_in(40)) return 0.5;
        if (one_in(3) || !old.is_number_integer()) return special[below(std::size(special))];
        const auto value = static_cast<std::uint64_t>(old.get<std::int64_t>());
        return static_cast<std::int64_t>(value + below(9) - 4);
    }

    std::string word() {
        static const char* words[] = {"lane",       "uniform",        "state", "action", "previous_action",
                                      "time",       "noise",          "goal",  "wind",   "step/w0",
                                      "step/b0",    "step/constants", "relu",  "",       "0x1p+0",
                                      "-0x1.8p-3",  "0x0p+0",         "inf",   "-inf",   "nan",
                                      "0x1p+1023",  "0x1p-140",       "F32",   "F16",    "reward",
                                      "next_state", "termination",    "std",   "value",  "\xc3\xa9"};
        if (one_in(2)) return mbrl::kernels().ops[below(static_cast<std::size_t>(mbrl::kernels().op_count))].name;
        return words[below(std::size(words))];
    }

    void edit_list(Json& list, Json& root) {
        const std::size_t size = list.size();
        const Json other = size > 0 && !one_in(4) ? list[below(size)] : pick(root);
        const auto at = static_cast<std::ptrdiff_t>(below(size + 1));
        switch (below(4)) {
            case 0:
                if (size > 0) list.erase(below(size));
                break;
            case 1:
                list.insert(list.begin() + at, other);
                break;
            case 2:
                if (size > 0) std::swap(list[below(size)], list[below(size)]);
                break;
            default:  // the same again, several times: rows, axes, arguments, instructions
                for (std::size_t i = 0, times = below(20); i < times; ++i) list.push_back(other);
        }
    }

    void edit_object(Json& object, Json& root) {
        if (object.empty() || one_in(3)) {
            object[word()] = Json(pick(root));
            return;
        }
        auto at = object.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(below(object.size())));
        if (one_in(2)) {
            object.erase(at);
        } else {
            const Json value = at.value();
            object.erase(at);
            object[word()] = value;
        }
    }

    std::minstd_rand random_;
};

}  // namespace

std::string flip_bytes(std::string bytes, std::uint32_t seed) {
    Mutation mutation(seed);
    if (bytes.empty()) return std::string(1, static_cast<char>(mutation.below(256)));
    for (std::size_t i = 0, times = 1 + mutation.below(4); i < times; ++i)
        bytes[mutation.below(bytes.size())] = static_cast<char>(mutation.below(256));
    if (mutation.one_in(4)) bytes.resize(mutation.below(bytes.size()));
    return bytes;
}

std::string mutate(std::string_view bytes, std::uint32_t seed, const ByteMutator& change_bytes) {
    Mutation mutation(seed);
    std::optional<Parts> parts = split(bytes);
    if (!parts || mutation.one_in(12)) return change_bytes(std::string(bytes), seed);
    if (mutation.one_in(12)) return join(*parts, change_bytes(text_of(parts->graph), seed));
    const std::size_t edits = 1 + mutation.below(3);
    if (mutation.one_in(3)) {
        for (std::size_t i = 0; i < 4 * edits; ++i) mutation.edit_gently(*parts);
        return join(*parts, text_of(parts->graph));
    }
    for (std::size_t i = 0; i < edits; ++i) {
        const std::size_t what = mutation.below(8);
        if (what == 0) {
            mutation.edit_data(parts->data);
        } else if (what == 1) {
            mutation.edit(parts->header);
            if (!parts->header.is_object() || !parts->header["__metadata__"].is_object()) break;
            if (!mutation.one_in(4)) mutation.lay_out(*parts);
        } else {
            mutation.edit(parts->graph);
        }
    }
    if (!parts->header.is_object() || !parts->header["__metadata__"].is_object())
        return test::container(text_of(parts->header), parts->data);
    return join(*parts, text_of(parts->graph));
}

}  // namespace fuzz
