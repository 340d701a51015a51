// Structure-aware changes of a Problem file: the container, the checksum and mostly the JSON stay right, what they say does not.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace fuzz {

/// Changes raw bytes; libFuzzer brings a better one than `flip_bytes`.
using ByteMutator = std::function<std::string(std::string, std::uint32_t seed)>;
std::string flip_bytes(std::string bytes, std::uint32_t seed);

/// Another file, by `seed`. Bytes that are no container are changed as bytes.
std::string mutate(std::string_view bytes, std::uint32_t seed, const ByteMutator& change_bytes = flip_bytes);

}  // namespace fuzz
