// SPDX-License-Identifier: GPL-2.0-only
// compute ID group atomsmith/closest I J R [I J R ...]
#ifndef ATOMSMITH_COMPUTE_CLOSEST_H
#define ATOMSMITH_COMPUTE_CLOSEST_H

#include <vector>

#include "compute.h"

namespace LAMMPS_NS {

class PairAtomsmith;

// Scalar: the smallest r_ij / R of all pairs of the group whose atom types have a distance R, in angstrom; R
// itself is its unit, so that below 1 two atoms are closer than allowed. 1e20 where no such pair is within
// reach. I and J are numbers of types, or * for all; what comes later counts.
class ComputeClosest : public Compute {
public:
    ComputeClosest(LAMMPS* lmp, int narg, char** arg);
    void init() override;
    double compute_scalar() override;

private:
    PairAtomsmith* pair_ = nullptr;
    std::vector<double> limit_; // [type][type], 0: none
};

} // namespace LAMMPS_NS

#endif
