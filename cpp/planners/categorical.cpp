#include "planners/categorical.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.hpp"
#include "core/exact.hpp"

namespace mbrl {
namespace {

constexpr int kMostChoices = 1000;

template <int n>
double polynomial(double x, const double (&coefficients)[n]) {
    double sum = 0;
    for (const double c : coefficients) sum = sum * x + c;
    return sum;
}

}  // namespace

double normal_quantile(double p) {
    const double q = p - 0.5;
    if (std::fabs(q) <= 0.425) {
        const double over[] = {2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4,
                               4.5921953931549871457e+4, 1.3731693765509461125e+4, 1.9715909503065514427e+3,
                               1.3314166789178437745e+2, 3.3871328727963666080e+0};
        const double under[] = {
            5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4, 2.1213794301586595867e+4,
            5.3941960214247511077e+3, 6.8718700749205790830e+2, 4.2313330701600911252e+1, 1.0};
        const double r = 0.180625 - q * q;
        return q * polynomial(r, over) / polynomial(r, under);
    }
    const double tail = q <= 0 ? p : 1 - p;
    if (!(tail > 1e-11)) return q <= 0 ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    const double over[] = {7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
                           1.27045825245236838258e+0, 3.64784832476320460504e+0, 5.76949722146069140550e+0,
                           4.63033784615654529590e+0, 1.42343711074968357734e+0};
    const double under[] = {
        1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
        6.89767334985100004550e-1, 1.67638483018380384940e+0, 2.05319162663775882187e+0, 1.0};
    const double r = std::sqrt(-exact::log(tail)) - 1.6, z = polynomial(r, over) / polynomial(r, under);
    return q < 0 ? -z : z;
}

Categorical::Categorical(const Problem& problem, const std::vector<int>& choices, int horizon, double min_probability,
                         double momentum)
    : horizon_(horizon), least_(static_cast<float>(min_probability)), momentum_(static_cast<float>(momentum)) {
    if (choices.empty()) return;
    check(static_cast<int>(choices.size()) == problem.action_size, "choices must be ", problem.action_size,
          ", one for each action, got ", choices.size());
    for (int a = 0; a < problem.action_size; ++a) {
        const int n = choices[a];
        check(n == 0 || (n >= 2 && n <= kMostChoices), "choices must be 0 (continuous) or 2..", kMostChoices, ", got ", n);
        check(n * min_probability < 1, "min_probability must be below 1 / ", n, ", one over the choices, got ", min_probability);
        std::vector<float>& values = values_.emplace_back();
        std::vector<float>& even = even_.emplace_back();
        const double low = problem.action_low[a], high = problem.action_high[a];
        for (int i = 0; i < n; ++i) {
            values.push_back(i == n - 1 ? problem.action_high[a] : static_cast<float>(low + (high - low) * i / (n - 1)));
            even.push_back(static_cast<float>(normal_quantile((i + 1.0) / n)));
        }
    }
    for (int e = 0; e < horizon * problem.action_size; ++e) {
        offset_.push_back(numbers_);
        numbers_ += static_cast<int>(values_[e % problem.action_size].size());
    }
    cuts_.resize(numbers_);
}

template <class Each>
void Categorical::each(Each&& call) const {
    const int actions = static_cast<int>(values_.size());
    for (int e = 0; e < horizon_ * actions; ++e)
        if (!values_[e % actions].empty()) call(e, e % actions, offset_[e]);
}

void Categorical::reset(float* probabilities) const {
    each([&](int, int a, int at) {
        const int n = static_cast<int>(values_[a].size());
        std::fill_n(probabilities + at, n, 1.0f / static_cast<float>(n));
    });
}

/// As Planner::shift.
void Categorical::shift(float* probabilities, double knots) const {
    const int size = numbers_ / horizon_, last = horizon_ - 1;
    const int whole = static_cast<int>(std::min<double>(std::floor(knots), horizon_));
    const float part = static_cast<float>(knots - std::floor(knots));
    for (int h = 0; h <= last; ++h) {
        const float* before = probabilities + std::min(h + whole, last) * size;
        const float* after = probabilities + std::min(h + whole + 1, last) * size;
        for (int i = 0; i < size; ++i) probabilities[h * size + i] = before[i] + part * (after[i] - before[i]);
    }
}

/// Old and new in the proportion of the momentum, then a part of all values alike: the least probability is exact.
void Categorical::refit(float* probabilities, const float* rows, std::int64_t stride, const int* elites, int count) const {
    each([&](int e, int a, int at) {
        const int n = static_cast<int>(values_[a].size());
        float* p = probabilities + at;
        for (int i = 0; i < n; ++i) p[i] *= momentum_;
        const float each_elite = (1.0f - momentum_) / static_cast<float>(count);
        for (int k = 0; k < count; ++k) p[index(a, rows[e * stride + elites[k]])] += each_elite;
        const float left = 1.0f - static_cast<float>(n) * least_;
        for (int i = 0; i < n; ++i) p[i] = least_ + left * p[i];
    });
}

void Categorical::cut(const float* probabilities) {
    each([&](int, int a, int at) {
        const int n = static_cast<int>(values_[a].size());
        double total = 0, sum = 0;
        for (int i = 0; i < n; ++i) total += probabilities[at + i];
        for (int i = 0; i < n; ++i) {
            sum += probabilities[at + i];
            cuts_[at + i] = static_cast<float>(normal_quantile(sum / total));
        }
    });
}

void Categorical::draw(float* normals, int element, bool fresh, int width) const {
    const int a = element % static_cast<int>(values_.size());
    const std::vector<float>& values = values_[a];
    const float* cuts = fresh ? even_[a].data() : cuts_.data() + offset_[element];
    for (int lane = 0; lane < width; ++lane) {
        const float z = normals[lane];
        float value = values[0];
        for (std::size_t i = 1; i < values.size(); ++i) value = z > cuts[i - 1] ? values[i] : value;
        normals[lane] = value;
    }
}

void Categorical::likeliest(const float* probabilities, float* actions) const {
    each([&](int e, int a, int at) {
        const float* p = probabilities + at;
        actions[e] = values_[a][std::max_element(p, p + values_[a].size()) - p];  // the first of equals
    });
}

void Categorical::settle(float* actions) const {
    each([&](int e, int a, int) { actions[e] = values_[a][index(a, actions[e])]; });
}

int Categorical::index(int action, float value) const {
    const std::vector<float>& values = values_[action];
    const double low = values.front(), range = values.back() - low;
    const int last = static_cast<int>(values.size()) - 1;
    if (!(range > 0)) return 0;
    return static_cast<int>(std::clamp(std::floor((value - low) / range * last + 0.5), 0.0, static_cast<double>(last)));
}

}  // namespace mbrl
