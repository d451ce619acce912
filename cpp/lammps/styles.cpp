// SPDX-License-Identifier: GPL-2.0-only
// The styles, offered to a LAMMPS of the version that this was built for.
#include "compute_closest.h"
#include "compute_uncertainty.h"
#include "pair_atomsmith.h"
#include "plugin.h"

using namespace LAMMPS_NS;

namespace {

void* make_pair(void* lmp) { return static_cast<Pair*>(new PairAtomsmith(static_cast<LAMMPS*>(lmp))); }

void* make_uncertainty(void* lmp, int narg, char** arg) {
    return static_cast<Compute*>(new ComputeUncertainty(static_cast<LAMMPS*>(lmp), narg, arg));
}

void* make_closest(void* lmp, int narg, char** arg) {
    return static_cast<Compute*>(new ComputeClosest(static_cast<LAMMPS*>(lmp), narg, arg));
}

} // namespace

extern "C" __attribute__((visibility("default"))) void atomsmith_register(void* lmp, void* handle,
                                                                          void* offer) {
    const auto add = reinterpret_cast<PluginRegister>(offer);
    LammpsPlugin plugin{};
    plugin.version = static_cast<LAMMPS*>(lmp)->version;
    plugin.author = "Atomsmith";
    plugin.handle = handle;
    plugin.style = "pair";
    plugin.name = "atomsmith";
    plugin.info = "pair style atomsmith";
    plugin.creator.v1 = &make_pair;
    add(&plugin, lmp);
    plugin.style = "compute";
    plugin.name = "atomsmith/uncertainty";
    plugin.info = "compute style atomsmith/uncertainty";
    plugin.creator.v2 = &make_uncertainty;
    add(&plugin, lmp);
    plugin.name = "atomsmith/closest";
    plugin.info = "compute style atomsmith/closest";
    plugin.creator.v2 = &make_closest;
    add(&plugin, lmp);
}
