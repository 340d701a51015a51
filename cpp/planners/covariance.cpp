#include "planners/covariance.hpp"

#include <algorithm>
#include <cmath>

namespace mbrl {
namespace {

/// Keeps the matrix of fewer elites than dimensions positive definite, as that of coloured noise.
constexpr double kJitter = 1e-6;

}  // namespace

Correlation::Correlation(int horizon, int action_size, const std::vector<float>& colour, std::optional<double> shrinkage,
                         double momentum)
    : size_(horizon * action_size), shrinkage_(shrinkage), momentum_(momentum) {
    const std::size_t numbers = static_cast<std::size_t>(size_) * size_;
    begin_.resize(numbers);
    fresh_.resize(numbers);
    lower_.resize(numbers);
    factor_.resize(numbers);
    for (int i = 0; i < size_; ++i) {
        for (int j = 0; j <= i; ++j) {
            const int h = i / action_size, k = j / action_size;
            double sum = i == j;
            if (!colour.empty() && i != j && i % action_size == j % action_size)
                for (int l = 0; l <= k; ++l) sum += double{colour[h * horizon + l]} * colour[k * horizon + l];
            begin_[static_cast<std::size_t>(i) * size_ + j] = sum;
        }
    }
    matrix_ = begin_;
}

void Correlation::reset() {
    fitted_ = false;
    std::copy(begin_.begin(), begin_.end(), matrix_.begin());
}

void Correlation::refit(const float* rows, std::int64_t stride, const int* elites, int count) {
    standardise(rows, stride, elites, count);
    for (int i = 0; i < size_; ++i)
        for (int j = 0; j < i; ++j) fresh_[static_cast<std::size_t>(i) * size_ + j] = sample(i, j, count);
    shrunk_ = shrinkage_ ? *shrinkage_ : oracle_shrinkage(count);
    const double share = (1 - momentum_) * (1 - shrunk_);
    for (int i = 0; i < size_; ++i)
        for (int j = 0; j < i; ++j) {
            const std::size_t at = static_cast<std::size_t>(i) * size_ + j;
            matrix_[at] = momentum_ * matrix_[at] + share * fresh_[at];
        }
    factorise();
    fitted_ = true;
}

/// Zero mean and unit variance over the elites; what does not vary is correlated with nothing.
void Correlation::standardise(const float* rows, std::int64_t stride, const int* elites, int count) {
    for (int e = 0; e < size_; ++e) {
        const float* values = rows + e * stride;
        double sum = 0, squares = 0;
        for (int k = 0; k < count; ++k) sum += values[elites[k]];
        const double mean = sum / count;
        for (int k = 0; k < count; ++k) squares += (values[elites[k]] - mean) * (values[elites[k]] - mean);
        const double scale = squares > 0 ? 1 / std::sqrt(squares / count) : 0;
        for (int k = 0; k < count; ++k) standard_[static_cast<std::size_t>(k) * size_ + e] = (values[elites[k]] - mean) * scale;
    }
}

double Correlation::sample(int i, int j, int count) const {
    double sum = 0;
    for (int k = 0; k < count; ++k) {
        const double* numbers = standard_.data() + static_cast<std::size_t>(k) * size_;
        sum += numbers[i] * numbers[j];
    }
    return sum / count;
}

/// ρ = ((1 - 2/p)·tr(R²) + tr²(R)) / ((n + 1 - 2/p)·(tr(R²) - tr²(R)/p)), where tr(R) = p: a correlation matrix.
double Correlation::oracle_shrinkage(int count) {
    double apart = 0;  // tr(R²) - p
    for (int i = 0; i < size_; ++i)
        for (int j = 0; j < i; ++j) {
            const double r = fresh_[static_cast<std::size_t>(i) * size_ + j];
            apart += 2 * r * r;
        }
    const double p = size_, weight = (1 - 2 / p) * (apart + p) + p * p, against = (count + 1 - 2 / p) * apart;
    return against > weight ? weight / against : 1;
}

void Correlation::factorise() {
    bool definite = true;
    for (int i = 0; definite && i < size_; ++i) {
        double* row = lower_.data() + static_cast<std::size_t>(i) * size_;
        for (int j = 0; j <= i; ++j) {
            const double* other = lower_.data() + static_cast<std::size_t>(j) * size_;
            double sum = i == j ? 1 + kJitter : matrix_[static_cast<std::size_t>(i) * size_ + j];
            for (int k = 0; k < j; ++k) sum -= row[k] * other[k];
            if (i == j) definite = sum > 0;  // neither when it is NaN
            row[j] = i == j ? std::sqrt(sum) : sum / other[j];
        }
    }
    for (int i = 0; i < size_; ++i)
        for (int j = 0; j <= i; ++j) {
            const std::size_t at = static_cast<std::size_t>(i) * size_ + j;
            factor_[at] = definite ? static_cast<float>(lower_[at]) : static_cast<float>(i == j);
        }
    if (definite) return;
    for (int i = 0; i < size_; ++i)
        for (int j = 0; j < i; ++j) matrix_[static_cast<std::size_t>(i) * size_ + j] = 0;
}

}  // namespace mbrl
