// Numbers of a plan in both precisions.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace atomsmith {

// Numbers that kernels of both precisions read.
class Numbers {
public:
    Numbers() = default;
    Numbers(std::vector<double> values)
        : double_(std::move(values)), single_(double_.begin(), double_.end()) {}
    std::size_t size() const { return double_.size(); }
    const double& operator[](std::size_t k) const { return double_[k]; }
    const std::vector<double>& values() const { return double_; }
    template <class Real>
    const Real* data() const {
        if constexpr (sizeof(Real) == sizeof(double))
            return double_.data();
        else
            return single_.data();
    }

private:
    std::vector<double> double_;
    std::vector<float> single_;
};

} // namespace atomsmith
