// The libFuzzer program: see tests/deep.sh. Without libFuzzer, run_corpus.cpp takes the same path.
#include <cstring>
#include <vector>

#include "mutate.hpp"
#include "target.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::try_file({reinterpret_cast<const char*>(data), size});
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
    const auto change_bytes = [&](std::string bytes, std::uint32_t) {
        const std::size_t old = bytes.size();
        bytes.resize(old + 64);
        bytes.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(bytes.data()), old, bytes.size()));
        return bytes;
    };
    const std::string made = fuzz::mutate({reinterpret_cast<const char*>(data), size}, seed, change_bytes);
    if (made.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
    std::memcpy(data, made.data(), made.size());
    return made.size();
}
