// After construction, planning allocates nothing: operator new is counted.
#include <atomic>
#include <cstdlib>
#include <new>

#include "planning.hpp"
#include "test.hpp"

static std::atomic<long> allocations{0};

static void* counted(std::size_t size, std::size_t alignment) {
    ++allocations;
    void* memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (!memory) throw std::bad_alloc();
    return memory;
}

void* operator new(std::size_t size) { return counted(size, 16); }
void* operator new[](std::size_t size) { return counted(size, 16); }
void* operator new(std::size_t size, std::align_val_t alignment) { return counted(size, static_cast<std::size_t>(alignment)); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

TEST(the_counter_counts) {
    const long before = allocations;
    ::operator delete(::operator new(1));  // a new expression may be left out by the compiler
    EXPECT(allocations == before + 1);
}

TEST(a_plan_allocates_nothing) {
    for (const bool rich : {false, true}) {
        for (int threads : {1, 2}) {
            mbrl::CEMSettings settings = rich ? test::rich_settings() : mbrl::CEMSettings{};
            settings.threads = threads;
            mbrl::CEM planner(test::everything().load(), settings);
            const std::vector<float> goal = {0.3f, -0.2f}, wind(25, 0.1f);
            const mbrl::InputValues inputs = {goal.data(), wind.data()};
            const float state[] = {0.1f, 0.4f}, previous = 0;
            const long before = allocations;
            for (int i = 0; i < 5; ++i) planner.plan(state, &previous, inputs, 1);
            EXPECT(allocations == before, allocations - before, " allocations with ", threads, " threads");
        }
    }
}

}  // namespace

TEST_MAIN
