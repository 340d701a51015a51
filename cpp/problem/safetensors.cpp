#include "problem/safetensors.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/check.hpp"
#include "problem/json.hpp"

namespace mbrl {
namespace {

constexpr std::uint64_t kMaxHeader = 8u << 20;
constexpr std::int64_t kMaxElements = std::int64_t{1} << 29;

struct Extent {
    std::int64_t begin, end;
    std::string name;
};

Tensor read_tensor(const Field& field, std::string_view data, std::vector<Extent>& extents, const std::string& name) {
    const std::string type = field["dtype"].string();
    check(type == "F32", field.path(), ".dtype must be F32, got ", type.substr(0, 16));
    Tensor tensor;
    std::int64_t elements = 1;
    const Field shape = field["shape"];
    check(shape.size() <= 8, shape.path(), " must have at most 8 axes, got ", shape.size());
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        tensor.shape.push_back(shape.at(axis).integer(0, kMaxElements));
        // Both factors are at most 2^29: the product cannot overflow before it is checked.
        elements *= tensor.shape.back();
        check(elements <= kMaxElements, shape.path(), " must have at most ", kMaxElements, " elements");
    }
    const Field offsets = field["data_offsets"];
    check(offsets.size() == 2, offsets.path(), " must be [begin, end]");
    const auto size = static_cast<std::int64_t>(data.size());
    const std::int64_t begin = offsets.at(0).integer(0, size), end = offsets.at(1).integer(begin, size);
    check(end - begin == elements * 4, field.path(), " must take ", elements * 4, " bytes, got ", end - begin);
    tensor.data.resize(static_cast<std::size_t>(elements));
    if (elements > 0) std::memcpy(tensor.data.data(), data.data() + begin, static_cast<std::size_t>(end - begin));
    extents.push_back({begin, end, name});
    return tensor;
}

/// No holes and no overlaps: every byte belongs to exactly one tensor.
void check_cover(std::vector<Extent>& extents, std::int64_t size) {
    std::sort(extents.begin(), extents.end(),
              [](const Extent& a, const Extent& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
    std::int64_t at = 0;
    for (const auto& extent : extents) {
        check(extent.begin == at, "file: tensor ", extent.name, " must begin at byte ", at, " of the data, got ", extent.begin);
        at = extent.end;
    }
    check(at == size, "file: tensors must cover all ", size, " data bytes, they cover ", at);
}

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
    static const auto table = [] {
        std::array<std::uint32_t, 256> entries{};
        for (std::uint32_t i = 0; i < 256; ++i) {
            std::uint32_t c = i;
            for (int bit = 0; bit < 8; ++bit) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
            entries[i] = c;
        }
        return entries;
    }();
    std::uint32_t crc = 0xFFFFFFFFu;
    for (unsigned char byte : bytes) crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8);
    return crc ^ 0xFFFFFFFFu;
}

Container read_safetensors(std::string_view bytes) {
    check(bytes.size() >= 8, "file: must be a safetensors file of at least 8 bytes, got ", bytes.size());
    std::uint64_t header_size = 0;
    for (int i = 7; i >= 0; --i) header_size = header_size << 8 | static_cast<unsigned char>(bytes[i]);
    check(header_size <= kMaxHeader, "file: header must be at most ", kMaxHeader, " bytes, it claims ", header_size,
          " (is this a safetensors file?)");
    check(header_size <= bytes.size() - 8, "file: truncated, the header claims ", header_size, " bytes and ", bytes.size() - 8,
          " are there");
    const Json header = parse_json(bytes.substr(8, header_size), "file header");
    const Field root(header, "file header");
    Container container;
    container.data = bytes.substr(8 + header_size);
    std::vector<Extent> extents;
    for (const auto& [name, value] : root.object().items()) {
        if (name == "__metadata__") {
            const Field metadata(value, "file metadata");
            for (const auto& [key, text] : metadata.object().items())
                container.metadata[key] = Field(text, "file metadata." + key).string();
        } else {
            container.tensors[name] = read_tensor(Field(value, "tensor " + name), container.data, extents, name);
        }
    }
    check_cover(extents, static_cast<std::int64_t>(container.data.size()));
    return container;
}

}  // namespace mbrl
