// SPDX-License-Identifier: GPL-2.0-only
// compute ID group atomsmith/uncertainty [eps 0.2] [scale 1.0]
#ifndef ATOMSMITH_COMPUTE_UNCERTAINTY_H
#define ATOMSMITH_COMPUTE_UNCERTAINTY_H

#include <vector>

#include "compute.h"

namespace LAMMPS_NS {

class PairAtomsmith;

// Per atom: f_i = scale mean_k |F_i^k - F_i| / (|F_i| + eps), the committee's relative disagreement about the
// force (van der Oord et al., npj Comput. Mater. 9, 168 (2023)). Scalar: the largest f_i of the group.
// Vector: sigma of the total energy about the mean model (eV), and of the group the largest and the mean f_i
// and the largest share max_i exp(f_i) / sum_j exp(f_j).
class ComputeUncertainty : public Compute {
public:
    ComputeUncertainty(LAMMPS* lmp, int narg, char** arg);
    ~ComputeUncertainty() override;
    void init() override;
    double compute_scalar() override;
    void compute_vector() override;
    void compute_peratom() override;
    double memory_usage() override;

private:
    PairAtomsmith* pair_ = nullptr;
    double epsilon_ = 0.2, scale_ = 1.0;
    int max_atoms_ = 0;
    std::size_t n_all_ = 0, n_sets_ = 0;
    std::vector<double> energies_, forces_; // of the last evaluation
};

} // namespace LAMMPS_NS

#endif
