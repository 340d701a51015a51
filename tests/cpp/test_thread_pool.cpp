// The thread pool: every item once, whatever the number of threads and however often it is used or made anew.
#include <atomic>
#include <vector>

#include "core/thread_pool.hpp"
#include "test.hpp"

namespace {

TEST(every_item_runs_exactly_once_in_ten_thousand_loops) {
    for (int threads = 1; threads <= 8; ++threads) {
        mbrl::ThreadPool pool(threads);
        EXPECT(pool.threads() == threads);
        std::vector<int> hits(64);
        long long expected = 0, wrong = 0;
        std::atomic<long long> total{0};
        for (int loop = 0; loop < 10000 / threads; ++loop) {
            const int items = loop % 65;
            std::fill(hits.begin(), hits.end(), 0);
            pool.for_each(items, [&](int item, int thread) {
                hits[item] += 1;  // an item belongs to one thread: no race
                total += thread >= 0 && thread < threads ? 1 : 1000000;
            });
            for (int item = 0; item < 64; ++item) wrong += hits[item] != (item < items);
            expected += items;
        }
        EXPECT(wrong == 0, threads, " threads: ", wrong, " items not run once");
        EXPECT(total == expected, threads, " threads: ", total.load(), " of ", expected);
    }
}

TEST(one_thread_runs_on_the_caller_in_order) {
    mbrl::ThreadPool pool(1);
    std::vector<int> order;
    const auto caller = std::this_thread::get_id();
    pool.for_each(10, [&](int item, int) { order.push_back(std::this_thread::get_id() == caller ? item : -1); });
    for (int item = 0; item < 10; ++item) EXPECT(order[item] == item);
}

TEST(loops_see_what_the_caller_wrote_and_the_caller_what_they_wrote) {
    mbrl::ThreadPool pool(4);
    std::vector<int> data(256, 0);
    for (int loop = 1; loop <= 500; ++loop) {
        for (int& x : data) x += 1;
        pool.for_each(static_cast<int>(data.size()), [&](int item, int) { data[item] *= 2; });
        for (int& x : data) x -= loop == 1 ? 2 : x / 2;
    }
    const int first = data[0];
    for (int x : data) EXPECT(x == first);
}

TEST(pools_come_and_go) {
    for (int threads = 1; threads <= 8; ++threads) {
        for (int repeat = 0; repeat < 30; ++repeat) {
            mbrl::ThreadPool pool(threads);
            std::atomic<int> count{0};
            for (int loop = 0; loop < repeat % 4; ++loop) pool.for_each(threads * 2, [&](int, int) { ++count; });
            EXPECT(count == repeat % 4 * threads * 2);
        }
    }
}

TEST(sleeping_workers_wake_up) {
    mbrl::ThreadPool pool(3);
    for (int repeat = 0; repeat < 20; ++repeat) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        std::atomic<int> count{0};
        pool.for_each(50, [&](int, int) { ++count; });
        EXPECT(count == 50);
    }
}

}  // namespace

TEST_MAIN
