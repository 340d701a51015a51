// Noise: Philox's published numbers, moments and tails of the normals, and that they depend on their key alone.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include "core/aligned.hpp"
#include "kernels/dispatch.hpp"
#include "core/exact.hpp"
#include "planners/noise.hpp"
#include "test.hpp"

namespace {

/// Philox4x32-10 written down once more, from the paper (Salmon et al., SC 2011), scalar.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> c, std::array<std::uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c[0], p1 = std::uint64_t{0xCD9E8D57} * c[2];
        c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ key[0], static_cast<std::uint32_t>(p1),
             static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ key[1], static_cast<std::uint32_t>(p0)};
        key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
    }
    return c;
}

/// Box–Muller in double precision, with the words' upper 24 bits.
std::array<double, 2> box_muller(std::uint32_t a, std::uint32_t b) {
    const double radius = std::sqrt(-2 * std::log(((a >> 8) + 1.0) / 16777216.0));
    const double angle = 2 * M_PI * ((b >> 8) / 16777216.0);
    return {radius * std::cos(angle), radius * std::sin(angle)};
}

/// Normals [elements rounded up to 4][width].
std::vector<float> draw(std::array<std::uint32_t, 2> key, std::uint32_t plan, std::uint32_t iteration, int elements, int width) {
    mbrl::AlignedFloats rows(static_cast<std::size_t>(mbrl::round_up(elements, 4)) * width);
    mbrl::draw_normals(key, plan, iteration, elements, 0, width, rows.data(), width);
    return {rows.data(), rows.data() + rows.size()};
}

TEST(the_tests_own_philox_gives_the_published_numbers) {
    using Words = std::array<std::uint32_t, 4>;
    EXPECT((philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    EXPECT((philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT((philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
            Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(normals_are_box_muller_of_philox_words) {
    const std::array<std::uint32_t, 2> key = {0xa4093822, 0x299f31d0};
    const std::uint32_t plan = 0xfffffff0, iteration = 77;
    const auto normals = draw(key, plan, iteration, 8, 64);
    for (std::uint32_t block = 0; block < 2; ++block) {
        for (std::uint32_t candidate = 0; candidate < 64; ++candidate) {
            const auto words = philox({block, candidate, iteration, plan}, key);
            for (int pair = 0; pair < 2; ++pair) {
                const auto expected = box_muller(words[2 * pair], words[2 * pair + 1]);
                for (int e = 0; e < 2; ++e) {
                    const float got = normals[(block * 4 + 2 * pair + e) * 64 + candidate];
                    EXPECT(std::fabs(got - expected[e]) < 3e-6, "candidate ", candidate, ": ", got, " and ", expected[e]);
                }
            }
        }
    }
}

TEST(moments_and_tails_are_those_of_a_standard_normal) {
    double sum = 0, squares = 0, cubes = 0, fourths = 0, largest = 0;
    int beyond[5] = {};
    const int width = 4096, elements = 64, draws = 8;
    const double count = double(width) * elements * draws;  // 2^21
    for (int plan = 0; plan < draws; ++plan) {
        for (const float x : draw(mbrl::noise_key(5, 0), static_cast<std::uint32_t>(plan), 0, elements, width)) {
            sum += x;
            squares += double(x) * x;
            cubes += double(x) * x * x;
            fourths += double(x) * x * x * x;
            largest = std::max(largest, std::fabs(double(x)));
            for (int k = 1; k <= 4; ++k) beyond[k] += std::fabs(x) > k;
        }
    }
    const double error = 5 / std::sqrt(count);  // five standard errors
    EXPECT(std::fabs(sum / count) < error, sum / count);
    EXPECT(std::fabs(squares / count - 1) < error * std::sqrt(2), squares / count);
    EXPECT(std::fabs(cubes / count) < error * std::sqrt(15), cubes / count);
    EXPECT(std::fabs(fourths / count - 3) < error * std::sqrt(96), fourths / count);
    for (int k = 1; k <= 4; ++k) {
        const double share = std::erfc(k / std::sqrt(2.0));
        EXPECT(std::fabs(beyond[k] / count - share) < 5 * std::sqrt(share / count), k, ": ", beyond[k] / count);
    }
    EXPECT(largest > 4.5 && largest < 5.8, largest);  // 24 bits reach 5.77 at most
}

TEST(the_distribution_is_normal_everywhere) {
    auto numbers = draw(mbrl::noise_key(11, 3), 0, 0, 256, 4096);  // 2^20
    std::sort(numbers.begin(), numbers.end());
    const double count = static_cast<double>(numbers.size());
    double distance = 0;  // Kolmogorov and Smirnov's
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const double share = 0.5 * std::erfc(-numbers[i] / std::sqrt(2.0));
        distance = std::max({distance, share - static_cast<double>(i) / count, static_cast<double>(i + 1) / count - share});
    }
    EXPECT(distance * std::sqrt(count) < 1.95, distance * std::sqrt(count));  // exceeded once in a thousand
}

TEST(numbers_beside_each_other_are_not_correlated) {
    const int width = 4096, elements = 256;
    const auto numbers = draw(mbrl::noise_key(12, 0), 9, 1, elements, width);
    const double limit = 5 / std::sqrt(double(width) * elements);
    const auto correlation = [&](int element, int candidate) {
        double sum = 0;
        for (int e = 0; e + element < elements; ++e)
            for (int n = 0; n + candidate < width; ++n)
                sum += double(numbers[e * width + n]) * numbers[(e + element) * width + n + candidate];
        return sum / (double(width) * elements);
    };
    for (int element : {0, 1, 2, 3, 4})
        for (int candidate : {0, 1, 8, 16})
            if (element + candidate > 0)
                EXPECT(std::fabs(correlation(element, candidate)) < limit, element, ", ", candidate, ": ",
                       correlation(element, candidate));
}

TEST(numbers_do_not_depend_on_how_many_are_drawn) {
    const auto key = mbrl::noise_key(1, 2);
    const auto whole = draw(key, 3, 4, 32, 128);
    for (int width : {16, 32, 48, 112}) {
        for (int elements : {1, 4, 5, 17}) {
            const auto part = draw(key, 3, 4, elements, width);
            bool same = true;
            for (int e = 0; e < elements; ++e)
                for (int lane = 0; lane < width; ++lane) same = same && part[e * width + lane] == whole[e * 128 + lane];
            EXPECT(same, width, " candidates, ", elements, " elements");
        }
    }
}

TEST(every_part_of_the_key_changes_the_numbers) {
    std::set<std::vector<float>> drawn;
    for (std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 32, ~std::uint64_t{0}})
        for (std::uint32_t stream : {0u, 1u})
            for (std::uint32_t plan : {0u, 1u})
                for (std::uint32_t iteration : {0u, 1u}) drawn.insert(draw(mbrl::noise_key(seed, stream), plan, iteration, 4, 16));
    EXPECT(drawn.size() == 32, drawn.size());
}

TEST(coloured_noise_has_unit_variance_and_neighbours_that_agree) {
    for (int size : {1, 2, 5, 30}) {
        double before = -1;
        for (double beta : {0.5, 1.0, 2.0, 4.0, 10.0}) {
            const auto factor = mbrl::coloured_noise_factor(size, beta);
            for (int i = 0; i < size; ++i) {
                double variance = 0;
                for (int j = 0; j < size; ++j) variance += double(factor[i * size + j]) * factor[i * size + j];
                EXPECT(std::fabs(variance - 1) < 1e-5, "size ", size, ", beta ", beta, ", row ", i, ": ", variance);
            }
            if (size < 2) continue;
            const double neighbours = factor[0] * factor[size];  // correlation of knots 0 and 1
            EXPECT(neighbours > before || neighbours > 0.99, "size ", size, ", beta ", beta, ": ", neighbours);
            before = neighbours;
        }
    }
}

TEST(numbers_of_the_spectrum_are_those_of_libm) {
    namespace exact = mbrl::exact;
    for (int i = 1; i <= 2000; ++i) {
        const double x = i / 1000.0;
        EXPECT(std::fabs(exact::log(x) - std::log(x)) <= 4e-16 * std::fmax(1, std::fabs(std::log(x))), "log ", x);
        EXPECT(std::fabs(exact::exp(40 * (x - 1)) / std::exp(40 * (x - 1)) - 1) < 2e-14, "exp ", x);
        for (double beta : {0.5, 1.0, 2.7, 10.0})
            EXPECT(std::fabs(exact::power(x, -beta) / std::pow(x, -beta) - 1) < 2e-14, x, " to the ", -beta);
    }
    for (int size : {1, 2, 3, 7, 30, 1000})
        for (int i = 0; i <= 5 * size; ++i)
            EXPECT(std::fabs(exact::cos_pi(i, size) - std::cos(M_PI * i / size)) < 3e-15, "cos of pi ", i, " / ", size);
}

/// The factor as libm would have it.
std::vector<double> factor_by_libm(int size, double beta) {
    std::vector<double> correlation(size), factor(static_cast<std::size_t>(size) * size);
    for (int k = 0; k <= size; ++k)
        for (int d = 0; d < size; ++d)
            correlation[d] += (k % size ? 2 : 1) * std::pow(std::max(k, 1) / (2.0 * size), -beta) * std::cos(M_PI * k * d / size);
    for (int i = 0; i < size; ++i) {
        for (int j = 0; j <= i; ++j) {
            double sum = correlation[i - j] / correlation[0] + (i == j ? 1e-6 : 0);
            for (int k = 0; k < j; ++k) sum -= factor[i * size + k] * factor[j * size + k];
            factor[i * size + j] = i == j ? std::sqrt(sum) : sum / factor[j * size + j];
        }
    }
    return factor;
}

TEST(the_coloured_factor_agrees_with_libm) {
    for (int size : {1, 2, 5, 30, 64}) {
        for (double beta : {0.5, 1.0, 1.5, 2.0, 4.0, 10.0}) {
            const auto got = mbrl::coloured_noise_factor(size, beta);
            const auto expected = factor_by_libm(size, beta);
            for (int i = 0; i < size; ++i)
                for (int j = 0; j <= i; ++j)
                    EXPECT(std::fabs(got[i * size + j] - expected[i * size + j]) <= 1e-7, "size ", size, ", beta ", beta, ", row ",
                           i, ", column ", j, ": ", got[i * size + j], " and ", expected[i * size + j]);
        }
    }
}

TEST(white_noise_is_what_colour_without_a_slope_would_be) {
    const auto factor = mbrl::coloured_noise_factor(6, 0);
    for (int i = 0; i < 6; ++i)
        for (int j = 0; j < 6; ++j) EXPECT(std::fabs(factor[i * 6 + j] - (i == j)) < 1e-5, i, ", ", j, ": ", factor[i * 6 + j]);
}

}  // namespace

TEST_MAIN
