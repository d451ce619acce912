// SPDX-License-Identifier: GPL-2.0-only
// pair_style atomsmith [threads N] [precision double|single] [bias TAU | bias relative SHARE] ...
// pair_coeff * * potential.json Al Si NULL ...
#ifndef ATOMSMITH_PAIR_ATOMSMITH_H
#define ATOMSMITH_PAIR_ATOMSMITH_H

#include <memory>
#include <string>
#include <vector>

#include "../potential_file/potential.hpp"
#include "bias.h"
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

    double cutoff() const { return potential_.model->cutoff; }

private:
    static constexpr int kBiasValues = 5; // of compute pair: sigma, E, tau, mean |F| and |grad sigma|

    // What one sweep gives: energies of centres, forces and virials of the engine's atoms.
    struct Sweep {
        std::vector<double> energies, forces, virial, by_centre, by_neighbour;

        void resize(std::size_t centres, std::size_t atoms, bool of_atoms);
        std::size_t capacity() const;
        // Null where nobody wants virials of atoms.
        const atomsmith::AtomVirials* wanted(atomsmith::AtomVirials& view);
    };

    void allocate();
    int read_keyword(int narg, char** arg, int k, BiasSettings& bias);
    int read_bias(int narg, char** arg, int k, BiasSettings& bias);
    void check_bias();
    void read_file(const std::string& path);
    void map_types();
    void check_masses();
    void check_bonds();
    void update_atoms();
    void check_positions();
    void check_result(double energy);
    [[noreturn]] void report_overlap();
    void evaluate_biased();
    void sweep(const Bias::Uncertainty& uncertain, double tau, Sweep& to);
    double mean_size(const std::vector<double>& forces);
    void lean(double tau);
    void gather_home(const std::vector<double>& of_engine);
    double add_energies();
    void add_forces();
    void add_virial();
    void add_atom_virial();
    void send_home(double* values);

    std::string path_;
    atomsmith::Potential potential_;
    std::shared_ptr<atomsmith::Weights> weights_, committee_weights_;
    std::vector<int> species_;       // of every type, -1: none
    std::vector<std::string> names_; // element of every type, empty: none

    int threads_ = 1;
    atomsmith::Precision precision_ = atomsmith::Precision::kDouble;
    Bias bias_;

    LocalAtoms atoms_;
    bigint built_ = -1;
    Sweep now_, steeper_;             // of the surface, and of one that leans more on sigma
    std::vector<double> atom_forces_; // of LAMMPS's atoms, [atoms][3]
    double* sent_ = nullptr;          // what a reverse communication sums, [atoms][3]
};

} // namespace LAMMPS_NS

#endif
