// The Gaussian posterior of the coefficients, as potential.json stores it: Sigma = L L^T on the kept
// features.
#pragma once

#include <string>
#include <vector>

namespace atomsmith {

// Present in a potential only where its reader asked for it: k features take k (k + 1) / 2 numbers.
struct Posterior {
    int n_features = 0;
    std::vector<int> kept;      // [k] features whose coefficients are uncertain
    std::vector<double> factor; // upper triangular L, packed by rows

    // sigma = sqrt(b^T Sigma b) of the sums `b` [n_features] of a system; `direction` [n_features] becomes
    // its gradient by them, Sigma b / sigma, zero where sigma is.
    double deviation(const double* sums, double* direction) const;
};

// Numbers from base64 of little-endian float64. Throws std::invalid_argument.
std::vector<double> decode_base64(const std::string& text);

} // namespace atomsmith
