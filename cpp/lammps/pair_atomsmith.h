// SPDX-License-Identifier: GPL-2.0-only
// pair_style atomsmith [threads N] [precision double|single] [bias TAU]
// pair_coeff * * potential.json Al Si NULL ...
#ifndef ATOMSMITH_PAIR_ATOMSMITH_H
#define ATOMSMITH_PAIR_ATOMSMITH_H

#include <memory>
#include <string>
#include <vector>

#include "../potential_file/potential.hpp"
#include "local_atoms.h"
#include "pair.h"

namespace LAMMPS_NS {

class PairAtomsmith : public Pair {
public:
    explicit PairAtomsmith(LAMMPS* lmp);
    ~PairAtomsmith() override;

    void settings(int narg, char** arg) override;
    void coeff(int narg, char** arg) override;
    void init_style() override;
    double init_one(int i, int j) override;
    void compute(int eflag, int vflag) override;
    int pack_reverse_comm(int n, int first, double* buffer) override;
    void unpack_reverse_comm(int n, int* list, double* buffer) override;
    double memory_usage() override;

    int n_members() const { return potential_.n_members; }

    // Forces [1 + members][3 * all atoms] of the mean model and the committee at the present positions, not
    // yet summed over ranks, and this rank's share of the energies [1 + members].
    void committee(std::vector<double>& energies, std::vector<double>& forces);

private:
    void allocate();
    void read_file(const std::string& path);
    void map_types();
    void check_masses();
    void update_atoms();
    void check_positions();
    void check_result(double energy);
    [[noreturn]] void report_overlap();
    void evaluate_biased(const atomsmith::AtomVirials* wanted);
    double add_energies();
    void add_forces();
    void add_virial();
    void add_atom_virial();
    void send_home(double* values);

    std::string path_;
    atomsmith::Potential potential_;
    std::shared_ptr<atomsmith::Weights> weights_, committee_weights_;
    std::vector<double> offsets_;    // [member][feature]: committee about the mean model
    std::vector<int> species_;       // of every type, -1: none
    std::vector<std::string> names_; // element of every type, empty: none

    int threads_ = 1;
    atomsmith::Precision precision_ = atomsmith::Precision::kDouble;
    double tau_ = 0.0;
    bool biased_ = false;

    LocalAtoms atoms_;
    bigint built_ = -1;
    std::vector<double> energies_, forces_, virial_, by_centre_, by_neighbour_;
    std::vector<double> atom_forces_; // of LAMMPS's atoms, where newton is off
    double* sent_ = nullptr;          // what a reverse communication sums, [atoms][3]
};

} // namespace LAMMPS_NS

#endif
