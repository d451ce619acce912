// SPDX-License-Identifier: GPL-2.0-only
#include "bias.h"

#include <algorithm>
#include <cmath>

using namespace LAMMPS_NS;

Bias::Bias(const BiasSettings& settings)
    : settings_(settings), tau_(settings.relative ? 0.0 : settings.strength), start_(settings.start) {
    if (settings.resumed.empty()) return;
    tau_ = settings.resumed[0];
    mean_force_ = settings.resumed[1];
    mean_gradient_ = settings.resumed[2];
    resumed_ = true;
}

// Ranks exchange one number a member, or one a feature for the posterior; E_k - E = (c_k - c) b.
Bias::Uncertainty Bias::uncertainty(const atomsmith::Potential& potential, const std::vector<double>& sums,
                                    double fixed, MPI_Comm world) const {
    const std::size_t n = sums.size();
    const int members = settings_.posterior ? 0 : potential.n_members;
    const std::vector<double>& c = potential.coefficients;
    std::vector<double> local(settings_.posterior ? sums : std::vector<double>(members, 0.0));
    for (int k = 0; k < members; ++k)
        for (std::size_t f = 0; f < n; ++f) local[k] += (potential.committee[k * n + f] - c[f]) * sums[f];
    for (std::size_t f = 0; f < n; ++f) fixed += c[f] * sums[f];
    local.push_back(fixed);
    std::vector<double> total(local.size());
    MPI_Allreduce(local.data(), total.data(), static_cast<int>(local.size()), MPI_DOUBLE, MPI_SUM, world);
    Uncertainty result;
    result.energy = total.back();
    result.direction.assign(n, 0.0);
    if (settings_.posterior) {
        result.sigma = potential.posterior.deviation(total.data(), result.direction.data());
        return result;
    }
    double square = 0.0;
    for (int k = 0; k < members; ++k) square += total[k] * total[k];
    result.sigma = std::sqrt(square / members);
    if (result.sigma > 0.0)
        for (int k = 0; k < members; ++k)
            for (std::size_t f = 0; f < n; ++f)
                result.direction[f] +=
                    total[k] / (members * result.sigma) * (potential.committee[k * n + f] - c[f]);
    return result;
}

bool Bias::due(bigint step) {
    if (!settings_.relative) return false;
    if (start_ < 0) start_ = step;
    if (resumed_) { // a run begins with the forces of the step that the last one ended with
        resumed_ = false;
        updated_ = step;
    }
    return step != updated_ && step % settings_.every == 0;
}

double Bias::scheduled(bigint step) const {
    const double rise = static_cast<double>(step - start_ - settings_.burn) / std::max(settings_.ramp, 1);
    return settings_.strength * std::clamp(rise, 0.0, 1.0);
}

void Bias::update(bigint step, double force, double gradient) {
    const double mixing = std::min(1.0, static_cast<double>(settings_.every) / settings_.window);
    const auto mix = [mixing](double& average, double value) {
        if (!std::isfinite(value)) return;
        average = std::isnan(average) ? value : average + mixing * (value - average);
    };
    mix(mean_force_, force);
    mix(mean_gradient_, gradient);
    tau_ = mean_gradient_ > 0.0 ? scheduled(step) * mean_force_ / mean_gradient_ : 0.0;
    updated_ = step;
}
