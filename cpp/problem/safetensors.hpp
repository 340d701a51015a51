// A strict reader of the safetensors container: everything is checked before anything is used.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "program/program.hpp"

namespace mbrl {

struct Container {
    std::map<std::string, std::string> metadata;
    std::map<std::string, Tensor> tensors;  // float32 only
    std::string_view data;                  // the tensor bytes, for the checksum
};

/// Throws Error with one sentence for whatever is truncated, overlapping, duplicated, too deep or of another type.
Container read_safetensors(std::string_view bytes);

/// CRC-32 (IEEE 802.3), as zlib.crc32.
std::uint32_t crc32(std::string_view bytes);

}  // namespace mbrl
