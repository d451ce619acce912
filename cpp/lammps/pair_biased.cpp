// SPDX-License-Identifier: GPL-2.0-only
// The bias of the pair style: its keywords, and the surface E - tau sigma.
#include <cmath>
#include <string>

#include "atom.h"
#include "comm.h"
#include "compatibility.h"
#include "pair_atomsmith.h"
#include "update.h"
#include "utils.h"

using namespace LAMMPS_NS;

void PairAtomsmith::Sweep::resize(std::size_t centres, std::size_t atoms, bool of_atoms) {
    energies.resize(centres);
    forces.resize(3 * atoms);
    virial.resize(9);
    by_centre.resize(of_atoms ? 9 * centres : 0);
    by_neighbour.resize(of_atoms ? 9 * atoms : 0);
}

const atomsmith::AtomVirials* PairAtomsmith::Sweep::wanted(atomsmith::AtomVirials& view) {
    view = {by_centre.data(), by_neighbour.data()};
    return by_neighbour.empty() ? nullptr : &view;
}

std::size_t PairAtomsmith::Sweep::capacity() const {
    return energies.capacity() + forces.capacity() + by_centre.capacity() + by_neighbour.capacity();
}

int PairAtomsmith::read_bias(int narg, char** arg, int k, BiasSettings& bias) {
    const std::string keyword = arg[k];
    const auto number = [&](int at) {
        if (at >= narg) stop_all(error, FLERR, "pair_style atomsmith: '" + keyword + "' needs more values");
        return utils::numeric(FLERR, arg[at], false, lmp);
    };
    const auto count = [&](int least) {
        const bigint value = utils::bnumeric(FLERR, arg[k + 1], false, lmp);
        if (value < least)
            stop_all(error, FLERR,
                     "pair_style atomsmith: " + keyword + " must be " + std::to_string(least) + " or more");
        return value;
    };
    int next = k + 2;
    if (keyword == "bias") {
        bias.on = true;
        bias.relative = std::string(arg[k + 1]) == "relative";
        bias.strength = number(bias.relative ? k + 2 : k + 1);
        next += bias.relative;
    } else if (keyword == "sigma") {
        const std::string whose = arg[k + 1];
        if (whose != "committee" && whose != "posterior")
            stop_all(error, FLERR,
                     "pair_style atomsmith: sigma must be committee or posterior, found " + whose);
        bias.posterior = whose == "posterior";
    } else if (keyword == "window") {
        bias.window = static_cast<int>(count(1));
    } else if (keyword == "burn") {
        bias.burn = static_cast<int>(count(0));
    } else if (keyword == "ramp") {
        bias.ramp = static_cast<int>(count(0));
    } else if (keyword == "every") {
        bias.every = static_cast<int>(count(1));
    } else if (keyword == "start") {
        bias.start = count(0);
    } else if (keyword == "resume") {
        bias.resumed = {number(k + 1), number(k + 2), number(k + 3)};
        next += 2;
    } else {
        stop_all(
            error, FLERR,
            "pair_style atomsmith: '" + keyword +
                "' is not one of its keywords, which are threads, precision, bias and, with a bias, sigma, "
                "window, burn, ramp, every, start and resume");
    }
    if (!bias.on)
        stop_all(error, FLERR, "pair_style atomsmith: '" + keyword + "' comes after bias, which is missing");
    return next;
}

void PairAtomsmith::check_bias() {
    if (bias_.settings().posterior && potential_.posterior.kept.empty())
        stop_all(error, FLERR,
                 path_ +
                     ": the potential has no posterior, which sigma posterior needs; take sigma committee, "
                     "or fit it again");
    if (!bias_.settings().posterior && potential_.n_members == 0)
        stop_all(error, FLERR,
                 path_ + ": the potential has no committee, which the bias needs; fit it again with "
                         "committee: 8");
}

// With b the features summed over all atoms, sigma is a function of b, and the forces of E - tau sigma are
// one sweep with the coefficients c - tau d sigma / db (van der Oord et al., npj Comput. Mater. 9, 168
// (2023)).
void PairAtomsmith::evaluate_biased() {
    std::vector<double> sums(potential_.model->n_features);
    now_.resize(atoms_.n_centres(), atoms_.size(), vflag_atom || cvflag_atom);
    atoms_.batch().forward(threads_, sums.data(), now_.energies.data());
    double fixed = 0.0;
    for (const double energy : now_.energies) fixed += energy;
    const Bias::Uncertainty uncertain = bias_.uncertainty(potential_, sums, fixed, world);
    if (bias_.due(update->ntimestep)) {
        sweep(uncertain, 0.0, now_);
        sweep(uncertain, 1.0, steeper_);
        std::vector<double> gradient(now_.forces.size());
        for (std::size_t k = 0; k < gradient.size(); ++k) gradient[k] = steeper_.forces[k] - now_.forces[k];
        bias_.update(update->ntimestep, mean_size(now_.forces), mean_size(gradient));
        lean(bias_.tau());
    } else {
        sweep(uncertain, bias_.tau(), now_);
    }
    // compute pair adds these up over ranks.
    const double values[kBiasValues] = {uncertain.sigma, uncertain.energy, bias_.tau(), bias_.mean_force(),
                                        bias_.mean_gradient()};
    for (int k = 0; k < kBiasValues; ++k)
        pvector[k] = comm->me == 0 && !std::isnan(values[k]) ? values[k] : 0.0;
}

// The surface E - tau sigma.
void PairAtomsmith::sweep(const Bias::Uncertainty& uncertain, double tau, Sweep& to) {
    std::vector<double> coefficients = potential_.coefficients;
    for (std::size_t f = 0; f < coefficients.size(); ++f) coefficients[f] -= tau * uncertain.direction[f];
    atomsmith::AtomVirials view;
    to.resize(atoms_.n_centres(), atoms_.size(), vflag_atom || cvflag_atom);
    atoms_.batch().backward(coefficients.data(), threads_, to.energies.data(), to.forces.data(),
                            to.virial.data(), to.wanted(view));
}

// From the surfaces of tau = 0 (`now_`) and tau = 1 (`steeper_`) to that of `tau`: all of it is linear.
void PairAtomsmith::lean(double tau) {
    const auto mix = [tau](std::vector<double>& to, const std::vector<double>& steeper) {
        for (std::size_t k = 0; k < to.size(); ++k) to[k] += tau * (steeper[k] - to[k]);
    };
    mix(now_.energies, steeper_.energies);
    mix(now_.forces, steeper_.forces);
    mix(now_.virial, steeper_.virial);
    mix(now_.by_centre, steeper_.by_centre);
    mix(now_.by_neighbour, steeper_.by_neighbour);
}

// Mean length of the vectors of all atoms that the potential sees.
double PairAtomsmith::mean_size(const std::vector<double>& forces) {
    gather_home(forces);
    double mine[2] = {0.0, static_cast<double>(atoms_.n_centres())}, all[2];
    for (int k = 0; k < atoms_.n_centres(); ++k) {
        const double* f = atom_forces_.data() + 3 * static_cast<std::size_t>(atoms_.index(k));
        mine[0] += std::hypot(f[0], f[1], f[2]);
    }
    MPI_Allreduce(mine, all, 2, MPI_DOUBLE, MPI_SUM, world);
    return all[1] > 0.0 ? all[0] / all[1] : 0.0;
}
