// SPDX-License-Identifier: GPL-2.0-only
#include "pair_atomsmith.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "atom.h"
#include "comm.h"
#include "compatibility.h"
#include "domain.h"
#include "elements.h"
#include "force.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"
#include "utils.h"

using namespace LAMMPS_NS;

namespace {

// Order of xx yy zz xy xz yz yx zx zy in a matrix by rows.
constexpr int kVirialOrder[9] = {0, 4, 8, 1, 2, 5, 3, 6, 7};

double symmetric(const double* matrix, int k) {
    return k < 3 ? matrix[kVirialOrder[k]] : 0.5 * (matrix[kVirialOrder[k]] + matrix[kVirialOrder[k + 3]]);
}

} // namespace

PairAtomsmith::PairAtomsmith(LAMMPS* lmp) : Pair(lmp) {
    single_enable = 0;
    restartinfo = 0;
    one_coeff = 1;
    manybody_flag = 1;
    no_virial_fdotr_compute = 1; // the engine's virial is exact for every atom
    centroidstressflag = CENTROID_AVAIL;
    comm_reverse = comm_reverse_off = 3;
}

PairAtomsmith::~PairAtomsmith() {
    if (allocated) {
        memory->destroy(setflag);
        memory->destroy(cutsq);
    }
    delete[] pvector;
}

void PairAtomsmith::allocate() {
    allocated = 1;
    const int n = atom->ntypes + 1;
    memory->create(setflag, n, n, "pair:setflag");
    memory->create(cutsq, n, n, "pair:cutsq");
    for (int i = 1; i < n; ++i)
        for (int j = 1; j < n; ++j) setflag[i][j] = 0;
    map = new int[n];
}

void PairAtomsmith::settings(int narg, char** arg) {
    threads_ = 1;
    precision_ = atomsmith::Precision::kDouble;
    BiasSettings bias;
    for (int k = 0; k < narg;) k = read_keyword(narg, arg, k, bias);
    bias_ = Bias(bias);
    if (allocated) // what has to be read of the file may differ now
        for (int t = 1; t <= atom->ntypes; ++t) std::fill_n(setflag[t] + 1, atom->ntypes, 0);
    if (bias.on && precision_ == atomsmith::Precision::kSingle)
        stop_all(error, FLERR, "pair_style atomsmith: the bias needs precision double");
    delete[] pvector;
    nextra = bias_.settings().on ? kBiasValues : 0;
    pvector = nextra ? new double[kBiasValues]{} : nullptr;
}

// Reads the keyword at `k` and its values; returns the place of the next one.
int PairAtomsmith::read_keyword(int narg, char** arg, int k, BiasSettings& bias) {
    const std::string keyword = arg[k];
    if (k + 1 == narg) stop_all(error, FLERR, "pair_style atomsmith: '" + keyword + "' needs a value");
    if (keyword == "threads") {
        threads_ = utils::inumeric(FLERR, arg[k + 1], false, lmp);
        if (threads_ < 1) stop_all(error, FLERR, "pair_style atomsmith: threads must be 1 or more");
        return k + 2;
    }
    if (keyword == "precision") {
        const std::string precision = arg[k + 1];
        if (precision != "double" && precision != "single")
            stop_all(error, FLERR,
                     "pair_style atomsmith: precision must be double or single, found " + precision);
        precision_ = precision == "single" ? atomsmith::Precision::kSingle : atomsmith::Precision::kDouble;
        return k + 2;
    }
    return read_bias(narg, arg, k, bias);
}

void PairAtomsmith::coeff(int narg, char** arg) {
    if (!allocated) allocate();
    if (narg != 3 + atom->ntypes)
        stop_all(error, FLERR,
                 "pair_coeff of atomsmith needs * * potential.json and an element or NULL for each of "
                 "the " +
                     std::to_string(atom->ntypes) + " atom types, found " +
                     std::to_string(std::max(narg - 3, 0)));
    map_element2type(narg - 3, arg + 3);
    names_.assign(atom->ntypes + 1, "");
    for (int t = 1; t <= atom->ntypes; ++t)
        if (map[t] >= 0) names_[t] = elements[map[t]];
    read_file(arg[2]);
    map_types();
}

// One rank reads; all take part in every error, so that none waits for the others.
void PairAtomsmith::read_file(const std::string& path) {
    std::string text, problem;
    if (comm->me == 0) {
        const std::string found = utils::get_potential_file_path(path);
        std::ifstream file(found.empty() ? path : found, std::ios::binary);
        std::ostringstream content;
        if (!(file && content << file.rdbuf())) {
            problem = "no such file, or it cannot be read; expected a potential written by atomsmith fit";
        } else {
            try {
                text = atomsmith::essentials(content.view(), bias_.settings().posterior);
            } catch (const std::exception& damage) {
                problem = std::string("the file is damaged (") + damage.what() + ")";
            }
        }
    }
    bigint sizes[2] = {static_cast<bigint>(text.size()), static_cast<bigint>(problem.size())};
    MPI_Bcast(sizes, 2, MPI_LMP_BIGINT, 0, world);
    text.resize(sizes[0]);
    problem.resize(sizes[1]);
    for (std::string* part : {&text, &problem})
        for (std::size_t at = 0; at < part->size(); at += 1 << 30)
            MPI_Bcast(part->data() + at, static_cast<int>(std::min<std::size_t>(part->size() - at, 1 << 30)),
                      MPI_CHAR, 0, world);
    if (problem.empty()) {
        try {
            potential_ = atomsmith::parse_potential(text);
        } catch (const std::exception& damage) {
            problem = std::string("the potential cannot be used (") + damage.what() + ")";
        }
    }
    if (!problem.empty()) stop_all(error, FLERR, path + ": " + problem);
    path_ = path;
    const atomsmith::Model& model = *potential_.model;
    weights_ = atomsmith::make_weights(model, potential_.coefficients.data(), 1);
    committee_weights_.reset();
    if (bias_.settings().on) check_bias();
    built_ = -1;
}

void PairAtomsmith::map_types() {
    std::string known;
    for (const int z : potential_.model->elements)
        if (z < 1 || z > kNumElements)
            stop_all(error, FLERR,
                     path_ + ": the potential is of an element with the number " + std::to_string(z));
    for (const int z : potential_.model->elements)
        known += (known.empty() ? "" : " ") + std::string(kElements[z - 1].symbol);
    species_.assign(atom->ntypes + 1, -1);
    for (int t = 1; t <= atom->ntypes; ++t) {
        if (names_[t].empty()) continue;
        const auto& numbers = potential_.model->elements;
        const auto at = std::find_if(numbers.begin(), numbers.end(),
                                     [&](int z) { return names_[t] == kElements[z - 1].symbol; });
        if (at == numbers.end())
            stop_all(error, FLERR,
                     path_ + ": the potential knows " + known + ", not '" + names_[t] +
                         "', to which pair_coeff maps atom type " + std::to_string(t));
        species_[t] = static_cast<int>(at - numbers.begin());
    }
}

// A mass that is right for another of the named elements and wrong for its own betrays their order.
void PairAtomsmith::check_masses() {
    if (!atom->mass) return;
    for (int t = 1; t <= atom->ntypes; ++t) {
        if (species_[t] < 0 || !atom->mass_setflag[t]) continue;
        const double mass = atom->mass[t], own = kElements[potential_.model->elements[species_[t]] - 1].mass;
        if (std::fabs(mass - own) < 0.2 * own) continue;
        for (int s = 1; s <= atom->ntypes; ++s) {
            if (species_[s] < 0 || s == t) continue;
            const double other = kElements[potential_.model->elements[species_[s]] - 1].mass;
            if (std::fabs(mass - other) < 0.02 * other)
                stop_all(error, FLERR,
                         "pair_coeff of atomsmith maps atom type " + std::to_string(t) + " to " + names_[t] +
                             ", but its mass is that of " + names_[s] +
                             "; put the elements into the order of the atom types");
        }
    }
}

// LAMMPS takes atoms that bonds connect out of its lists where special_bonds gives them no weight at all; to
// this potential they are neighbours like others.
void PairAtomsmith::check_bonds() {
    int hidden = 0, any = 0;
    for (int i = 0; atom->molecular && atom->nspecial && i < atom->nlocal; ++i)
        for (int k = 1, before = 0; k <= 3 && species_[atom->type[i]] >= 0; ++k) {
            const int upto = atom->nspecial[i][k - 1];
            if (upto > before && force->special_lj[k] == 0.0 && force->special_coul[k] == 0.0) hidden = 1;
            before = upto;
        }
    MPI_Allreduce(&hidden, &any, 1, MPI_INT, MPI_MAX, world);
    if (any)
        stop_all(error, FLERR,
                 "pair_style atomsmith sees no neighbors that special_bonds takes out of the lists of bonded "
                 "atoms; write special_bonds lj/coul 1 1 1 (or 1e-50 in place of 0, if another style needs "
                 "that)");
}

void PairAtomsmith::init_style() {
    if (std::strcmp(update->unit_style, "metal") != 0)
        stop_all(error, FLERR,
                 std::string("pair_style atomsmith needs units metal (eV, angstrom), found ") +
                     update->unit_style);
    check_masses();
    check_bonds();
    if (!order_full_list(neighbor, this, instance_me))
        stop_all(error, FLERR,
                 "pair_style atomsmith cannot order a neighbor list from this version of LAMMPS");
    built_ = -1;
}

double PairAtomsmith::init_one(int i, int j) {
    if (setflag[i][j] == 0) stop_all(error, FLERR, "All pair coeffs are not set");
    cutsq[i][j] = cutsq[j][i] = potential_.model->cutoff * potential_.model->cutoff;
    return potential_.model->cutoff;
}

// The engine's lists follow those of LAMMPS, and the types, which some fixes change in between.
void PairAtomsmith::update_atoms() {
    const int nlocal = atom->nlocal, nall = nlocal + atom->nghost;
    const bool rebuilt = neighbor->ago == 0 || neighbor->ncalls != built_;
    if (!rebuilt && atoms_.same(atom->type, species_, nlocal, nall)) return;
    built_ = neighbor->ncalls;
    const double* h = domain->h_inv;
    const double unit[3] = {std::hypot(h[0], h[5], h[4]), std::hypot(h[1], h[3]), h[2]};
    for (int d = 0; d < 3; ++d) {
        const double reach = comm->cutghost[d] / (domain->triclinic ? unit[d] : 1.0);
        if (comm->mode == Comm::SINGLE && reach < potential_.model->cutoff)
            stop_all(error, FLERR,
                     "ghost atoms reach " + std::to_string(reach) +
                         " angstrom, less than the cutoff of the atomsmith potential, " +
                         std::to_string(potential_.model->cutoff) + "; raise comm_modify cutoff");
    }
    std::string problem;
    try {
        atoms_.build(potential_.model, *list, atom->type, species_, nlocal, nall, threads_, precision_);
    } catch (const std::exception& failure) {
        problem = failure.what();
    }
    if (!problem.empty()) stop_one(error, FLERR, "pair_style atomsmith: " + problem);
}

void PairAtomsmith::check_positions() {
    const double* x = atom->nlocal ? atom->x[0] : nullptr;
    for (int k = 0; k < 3 * atom->nlocal; ++k)
        if (!std::isfinite(x[k]))
            stop_one(error, FLERR,
                     "the position of atom " + std::to_string(atom->tag[k / 3]) +
                         " is not a finite number; the simulation is unstable (try a smaller timestep)");
}

void PairAtomsmith::check_result(double energy) {
    double sum = energy;
    for (const double f : now_.forces) sum += f;
    if (std::isfinite(sum)) return;
    for (int k = 0; k < list->inum; ++k) {
        const int i = list->ilist[k];
        for (int at = 0; at < list->numneigh[i]; ++at) {
            const int j = list->firstneigh[i][at] & NEIGHMASK;
            double square = 0.0;
            for (int d = 0; d < 3; ++d) square += std::pow(atom->x[j][d] - atom->x[i][d], 2);
            if (square < 1e-12)
                stop_one(error, FLERR,
                         "atoms " + std::to_string(atom->tag[i]) + " and " + std::to_string(atom->tag[j]) +
                             " are on top of each other, where no potential is defined");
        }
    }
    stop_one(error, FLERR,
             "the energy or a force of the atomsmith potential is not a finite number; the simulation is "
             "unstable (try a smaller timestep)");
}

void PairAtomsmith::compute(int eflag, int vflag) {
    ev_init(eflag, vflag);
    check_positions();
    update_atoms();
    atoms_.positions(atom->nlocal + atom->nghost ? atom->x[0] : nullptr);
    if (bias_.settings().on) {
        evaluate_biased();
    } else {
        atomsmith::AtomVirials view;
        now_.resize(atoms_.n_centres(), atoms_.size(), vflag_atom || cvflag_atom);
        atoms_.batch().predict(*weights_, threads_, now_.energies.data(), now_.forces.data(),
                               now_.virial.data(), now_.wanted(view));
    }
    check_result(add_energies());
    add_forces();
    if (vflag_global)
        for (int k = 0; k < 6; ++k) virial[k] += symmetric(now_.virial.data(), k);
    if (vflag_atom || cvflag_atom) add_atom_virial();
}

double PairAtomsmith::add_energies() {
    double sum = 0.0;
    for (const double energy : now_.energies) sum += energy;
    if (eflag_global) eng_vdwl += sum;
    if (eflag_atom)
        for (int k = 0; k < atoms_.n_centres(); ++k) eatom[atoms_.index(k)] += now_.energies[k];
    return sum;
}

void PairAtomsmith::add_forces() {
    if (force->newton_pair) { // LAMMPS sends home what ghosts have
        for (int k = 0; k < atoms_.size(); ++k)
            for (int d = 0; d < 3; ++d)
                atom->f[atoms_.index(k)][d] += now_.forces[3 * static_cast<std::size_t>(k) + d];
        return;
    }
    gather_home(now_.forces);
    for (int i = 0; i < atom->nlocal; ++i)
        for (int d = 0; d < 3; ++d) atom->f[i][d] += atom_forces_[3 * static_cast<std::size_t>(i) + d];
}

// Sums vectors of the engine's atoms, ghosts included, into `atom_forces_` of the atoms that own them.
void PairAtomsmith::gather_home(const std::vector<double>& of_engine) {
    atom_forces_.assign(3 * static_cast<std::size_t>(atom->nlocal + atom->nghost), 0.0);
    for (int k = 0; k < atoms_.size(); ++k)
        for (int d = 0; d < 3; ++d)
            atom_forces_[3 * static_cast<std::size_t>(atoms_.index(k)) + d] =
                of_engine[3 * static_cast<std::size_t>(k) + d];
    send_home(atom_forces_.data());
}

// Adds what stands at ghosts, three numbers each, to the atoms that they are images of.
void PairAtomsmith::send_home(double* values) {
    sent_ = values;
    reverse_communicate(comm, this);
    sent_ = nullptr;
}

int PairAtomsmith::pack_reverse_comm(int n, int first, double* buffer) {
    std::copy_n(sent_ + 3 * static_cast<std::size_t>(first), 3 * static_cast<std::size_t>(n), buffer);
    return 3 * n;
}

void PairAtomsmith::unpack_reverse_comm(int n, int* to, double* buffer) {
    for (int k = 0; k < n; ++k)
        for (int d = 0; d < 3; ++d) sent_[3 * static_cast<std::size_t>(to[k]) + d] += buffer[3 * k + d];
}

// LAMMPS shares every pair evenly (stress/atom), but in the centroid form (centroid/stress/atom), which makes
// the heat flux right, a pair's virial belongs to the atom that feels the force.
void PairAtomsmith::add_atom_virial() {
    const std::size_t n = atoms_.size(), nall = atom->nlocal + atom->nghost;
    const auto add = [&](double** to, int size, const auto& share) {
        if (force->newton_pair) {
            for (std::size_t a = 0; a < n; ++a)
                for (int k = 0; k < size; ++k) to[atoms_.index(static_cast<int>(a))][k] += share(a, k);
            return;
        }
        for (int first = 0; first < size; first += 3) { // three at a time, as forces
            std::vector<double> values(3 * nall, 0.0);
            for (std::size_t a = 0; a < n; ++a)
                for (int k = 0; k < 3; ++k)
                    values[3 * atoms_.index(static_cast<int>(a)) + k] = share(a, first + k);
            send_home(values.data());
            for (int i = 0; i < atom->nlocal; ++i)
                for (int k = 0; k < 3; ++k) to[i][first + k] += values[3 * static_cast<std::size_t>(i) + k];
        }
    };
    const auto centre = [&](std::size_t a, int k) {
        return a < static_cast<std::size_t>(atoms_.n_centres()) ? symmetric(now_.by_centre.data() + 9 * a, k)
                                                                : 0.0;
    };
    if (vflag_atom)
        add(vatom, 6, [&](std::size_t a, int k) {
            return 0.5 * (centre(a, k) + symmetric(now_.by_neighbour.data() + 9 * a, k));
        });
    if (cvflag_atom)
        add(cvatom, 9, [&](std::size_t a, int k) { return now_.by_neighbour[9 * a + kVirialOrder[k]]; });
}

void PairAtomsmith::committee(std::vector<double>& energies, std::vector<double>& forces) {
    const std::size_t sets = 1 + potential_.n_members, nall = atom->nlocal + atom->nghost;
    if (!committee_weights_) {
        std::vector<double> all = potential_.coefficients;
        all.insert(all.end(), potential_.committee.begin(), potential_.committee.end());
        committee_weights_ = atomsmith::make_weights(*potential_.model, all.data(), static_cast<int>(sets));
    }
    update_atoms();
    const std::size_t centres = atoms_.n_centres(), n = atoms_.size();
    std::vector<double> of_centres(sets * centres), of_atoms(sets * 3 * n), unused(sets * 9);
    atoms_.positions(nall ? atom->x[0] : nullptr);
    atoms_.batch().predict(*committee_weights_, threads_, of_centres.data(), of_atoms.data(), unused.data());
    energies.assign(sets, 0.0);
    forces.assign(sets * 3 * nall, 0.0);
    for (std::size_t set = 0; set < sets; ++set) {
        for (std::size_t k = 0; k < centres; ++k) energies[set] += of_centres[set * centres + k];
        for (std::size_t k = 0; k < n; ++k)
            for (int d = 0; d < 3; ++d)
                forces[3 * (set * nall + atoms_.index(static_cast<int>(k))) + d] =
                    of_atoms[3 * (set * n + k) + d];
        send_home(forces.data() + 3 * set * nall);
    }
}

double PairAtomsmith::memory_usage() {
    return Pair::memory_usage() + atoms_.memory_usage() +
           static_cast<double>((now_.capacity() + steeper_.capacity() + atom_forces_.capacity()) *
                               sizeof(double));
}
