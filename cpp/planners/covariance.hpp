// Full covariance: how the numbers of an action sequence vary together, refitted on elites. Their spread is the planner's own
// (std_); here is the correlation matrix, and the lower factor that makes standard normals correlated ones.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace mbrl {

/// A factor costs size³/6 multiply-adds per refit, and correlated noise size²/2 per candidate.
inline constexpr int kMostCorrelated = 256;

class Correlation {
 public:
    Correlation() = default;
    /// Begins with the noise's own: `colour` [horizon, horizon], empty for white, the same for every action. `shrinkage` in [0, 1]
    /// is the weight of the diagonal; none: the oracle approximating one (Chen, Wiesel, Eldar & Hero 2010, eq. 23), of the
    /// correlation matrix. `momentum` is the weight of the old matrix.
    Correlation(int horizon, int action_size, const std::vector<float>& colour, std::optional<double> shrinkage, double momentum);

    explicit operator bool() const { return size_ > 0; }
    void reset();
    /// Whether elites have been seen since the reset.
    bool fitted() const { return fitted_; }
    /// Element e of candidate n is rows[e·stride + n]. Allocates nothing for up to `elites` of reserve().
    void refit(const float* rows, std::int64_t stride, const int* elites, int count);
    void reserve(int elites) { standard_.resize(static_cast<std::size_t>(elites) * size_); }
    /// [size, size]; the identity where the matrix was not positive definite.
    const std::vector<float>& factor() const { return factor_; }
    /// Weight of the diagonal in the last refit.
    double shrunk() const { return shrunk_; }

 private:
    void standardise(const float* rows, std::int64_t stride, const int* elites, int count);
    double sample(int i, int j, int count) const;
    double oracle_shrinkage(int count);
    void factorise();

    int size_ = 0;
    std::optional<double> shrinkage_;
    double momentum_ = 0, shrunk_ = 0;
    bool fitted_ = false;
    std::vector<double> begin_, matrix_, fresh_;  // [size, size], the lower triangles of correlation matrices
    std::vector<double> lower_, standard_;        // [size, size], [elites, size]
    std::vector<float> factor_;
};

}  // namespace mbrl
