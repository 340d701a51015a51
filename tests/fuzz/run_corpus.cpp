// The corpus without libFuzzer: run_corpus FOLDER [MUTATIONS]. Every file, then MUTATIONS changed valid files, through the fuzz
// target.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "mutate.hpp"
#include "target.hpp"

namespace {

std::vector<std::string> read_folder(const char* folder) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());  // the same order, so the same mutations, on every machine
    std::vector<std::string> files;
    for (const auto& path : paths) {
        std::ifstream file(path, std::ios::binary);
        files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return files;
}

/// A heap copy of exactly this size, so that the sanitizer sees one byte too far.
fuzz::Outcome run(const std::string& bytes) {
    const std::vector<char> exact(bytes.begin(), bytes.end());
    return fuzz::try_file({exact.data(), exact.size()});
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return std::fprintf(stderr, "usage: run_corpus FOLDER [MUTATIONS]\n"), 2;
    std::vector<std::string> files = read_folder(argv[1]);
    long outcomes[3] = {0, 0, 0};
    std::vector<std::string> valid;
    for (const std::string& bytes : files) {
        const fuzz::Outcome outcome = run(bytes);
        ++outcomes[static_cast<int>(outcome)];
        if (outcome == fuzz::Outcome::planned) valid.push_back(bytes);
    }
    std::printf("%zu files: %ld refused, %ld loaded, %ld planned with\n", files.size(), outcomes[0], outcomes[1], outcomes[2]);
    if (outcomes[0] == 0 || outcomes[2] == 0) return std::fprintf(stderr, "the corpus must have files of both kinds\n"), 1;
    long mutated[3] = {0, 0, 0};
    const long mutations = argc > 2 ? std::atol(argv[2]) : 0;
    for (long i = 0; i < mutations; ++i) {
        const auto seed = static_cast<std::uint32_t>(i + 1);
        std::string bytes = valid[static_cast<std::size_t>(i) % valid.size()];
        for (long round = 0; round <= i % 3; ++round) bytes = fuzz::mutate(bytes, seed + 7919 * static_cast<std::uint32_t>(round));
        ++mutated[static_cast<int>(run(bytes))];
    }
    std::printf("%ld mutations: %ld refused, %ld loaded, %ld planned with\n", mutations, mutated[0], mutated[1], mutated[2]);
    return 0;
}
