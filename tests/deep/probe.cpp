// The simplest program that a stage's compiler, sanitizer and emulator must carry: where this does not run, ours need not either.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

int work(std::size_t size) {
    std::vector<std::string> words(size + 1, "word");
    std::thread([&] { words.back() += "s"; }).join();
    try {
        throw std::runtime_error(words.back());
    } catch (const std::exception& error) {
        return std::string(error.what()) == "words" ? 0 : 1;
    }
}

}  // namespace

#ifdef PROBE_FUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t*, std::size_t size) { return work(size); }
#else
int main() { return std::puts("runs") < 0 ? 1 : work(3); }
#endif
