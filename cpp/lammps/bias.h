// SPDX-License-Identifier: GPL-2.0-only
// The uncertainty bias: sigma of the total energy, its derivative, and the strength tau of E - tau sigma.
#ifndef ATOMSMITH_BIAS_H
#define ATOMSMITH_BIAS_H

#include <mpi.h>

#include <limits>
#include <vector>

#include "../potential_file/potential.hpp"
#include "lmptype.h"

namespace LAMMPS_NS {

// What the keywords of the pair style say.
struct BiasSettings {
    bool on = false;
    bool relative = false;  // keep the bias at a share of the forces
    bool posterior = false; // sigma of the exact posterior rather than of the committee
    double strength = 0.0;  // tau, or tau_rel
    int window = 100;       // memory of the averages in steps
    int burn = 20, ramp = 20, every = 1;
    bigint start = -1; // step at which the burn-in begins; -1: the first that is computed
    std::vector<double>
        resumed; // tau and averages of |F| and |grad sigma| of a run that this one goes on with
};

class Bias {
public:
    struct Uncertainty {
        double energy = 0.0, sigma = 0.0;
        std::vector<double> direction; // d sigma / d sums, [feature]
    };

    explicit Bias(const BiasSettings& settings = {});

    const BiasSettings& settings() const { return settings_; }
    double tau() const { return tau_; }
    double mean_force() const { return mean_force_; }
    double mean_gradient() const { return mean_gradient_; }

    // With b the features summed over all atoms, E = c b + what no coefficient changes. `sums` [feature] and
    // `fixed` are this rank's share.
    Uncertainty uncertainty(const atomsmith::Potential& potential, const std::vector<double>& sums,
                            double fixed, MPI_Comm world) const;

    // Whether tau is to follow the forces of this step, which is asked once for every step.
    bool due(bigint step);

    // tau = tau_rel <|F|> / <|grad sigma|>, averages over the atoms and, exponentially, over the last steps.
    void update(bigint step, double force, double gradient);

private:
    double scheduled(bigint step) const;

    BiasSettings settings_;
    double tau_ = 0.0;
    double mean_force_ = std::numeric_limits<double>::quiet_NaN();
    double mean_gradient_ = std::numeric_limits<double>::quiet_NaN();
    bigint start_ = -1, updated_ = -1;
    bool resumed_ = false;
};

} // namespace LAMMPS_NS

#endif
