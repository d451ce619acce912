"""What LAMMPS knows of single atoms: energies, virials, uncertainties."""

import numpy as np
import pytest
from ase.neighborlist import neighbor_list
from tests.in_lammps.running import BAR, Sample, dump_of, printed, run_lammps
from tests.in_lammps.test_agreement import ELEMENTS, SAMPLES, SYMBOLS
from tests.potentials import make_potential

from atomsmith.evaluator import Evaluator
from atomsmith.sampling.bias import committee_sigma
from atomsmith.sampling.trigger import relative_force_uncertainty

NAMES = ("xx", "yy", "zz", "xy", "xz", "yz", "yx", "zx", "zy")
AXES = {name: ("xyz".index(name[0]), "xyz".index(name[1])) for name in NAMES}


def moved(sample, atom, axis, step):
    positions = sample.positions.copy()
    positions[atom, axis] += step
    return Sample(sample.numbers, positions, sample.cell, sample.pbc).systems


def energy_gradients(potential, sample, step=1e-4):
    """Gradient [j, i] of atom i's energy by the position of atom j, by differences of fourth order."""
    evaluator = Evaluator(potential, skin=0.0)

    def energies(*move):
        return evaluator.predict(moved(sample, *move)).energies

    gradient = np.zeros((len(sample.numbers), len(sample.numbers), 3))
    for j in range(len(sample.numbers)):
        for k in range(3):
            near = energies(j, k, step) - energies(j, k, -step)
            far = energies(j, k, 2 * step) - energies(j, k, -2 * step)
            gradient[j, :, k] = (8 * near - far) / (12 * step)
    return gradient


@pytest.mark.parametrize(("ranks", "newton"), [(1, "on"), (2, "on"), (2, "off")])
def test_energies_and_virials_of_atoms_follow_from_the_energies_alone(plugin, tmp_path, ranks, newton):
    """Independent of the engine's derivatives: only energies of atoms are differentiated, numerically.

    In the centroid form a pair belongs to the atom that feels the force,
    W_j = sum_i (r_j - r_i) (x) -dE_i/dr_j; LAMMPS's plain form shares it evenly between i and j.
    """
    sample = SAMPLES["cluster"]
    potential = make_potential(2, elements=ELEMENTS, cutoff=4.2)
    potential.save(tmp_path / "ace.json")
    sample.write(tmp_path / "a.data", ELEMENTS)
    columns = [f"c_s[{k}]" for k in range(1, 7)] + [f"c_c[{k}]" for k in range(1, 10)]
    run_lammps(
        plugin,
        tmp_path,
        f"""units metal
newton {newton}
atom_style atomic
boundary f f f
read_data a.data
pair_style atomsmith
pair_coeff * * ace.json {SYMBOLS}
compute e all pe/atom
compute s all stress/atom NULL virial
compute c all centroid/stress/atom NULL virial
dump d all custom 1 a.dump id c_e {" ".join(columns)}
dump_modify d format float %.17g
run 0
""",
        ranks=ranks,
    )
    dump = dump_of(tmp_path / "a.dump")
    np.testing.assert_allclose(
        dump["c_e"], Evaluator(potential, skin=0.0).predict(sample.systems).energies, rtol=1e-10
    )
    x = sample.positions
    pairs = np.einsum("jia,jib->jiab", x[:, None] - x[None], -energy_gradients(potential, sample))
    by_neighbour, by_centre = pairs.sum(axis=1), pairs.sum(axis=0)
    even = 0.5 * (by_neighbour + by_centre)
    even = 0.5 * (even + np.swapaxes(even, 1, 2))
    scale = np.abs(by_neighbour).max()
    # LAMMPS gives stress x volume, whose sign is that of a tension.
    for k, name in enumerate(NAMES, start=1):
        got = -dump[f"c_c[{k}]"] / BAR
        np.testing.assert_allclose(got, by_neighbour[(slice(None), *AXES[name])], atol=1e-7 * scale, rtol=0)
    for k, name in enumerate(NAMES[:6], start=1):
        got = -dump[f"c_s[{k}]"] / BAR
        np.testing.assert_allclose(got, even[(slice(None), *AXES[name])], atol=1e-7 * scale, rtol=0)


@pytest.mark.parametrize(("ranks", "newton"), [(1, "on"), (2, "on"), (2, "off")])
def test_uncertainties_are_those_of_the_committee(plugin, tmp_path, ranks, newton):
    sample = SAMPLES["triclinic"]
    potential = make_potential(3, elements=ELEMENTS, cutoff=4.2)
    potential.save(tmp_path / "ace.json")
    sample.write(tmp_path / "a.data", ELEMENTS)
    result = run_lammps(
        plugin,
        tmp_path,
        f"""units metal
newton {newton}
atom_style atomic
box tilt large
read_data a.data
pair_style atomsmith
pair_coeff * * ace.json {SYMBOLS}
compute u all atomsmith/uncertainty eps 0.3 scale 0.5
group heavy type 1 2
compute h heavy atomsmith/uncertainty
thermo_style custom step c_u c_u[*] c_h
dump d all custom 1 a.dump id c_u c_h
dump_modify d format float %.17g
run 0
print "value $(c_u:%.17g) $(c_u[1]:%.17g) $(c_u[2]:%.17g) $(c_u[3]:%.17g) $(c_u[4]:%.17g) $(c_h:%.17g)"
""",
        ranks=ranks,
    )
    both = Evaluator(potential, skin=0.0).predict_committee(sample.systems)
    f = 0.5 * relative_force_uncertainty(both.mean.forces, both.members.forces, 0.3)
    other = relative_force_uncertainty(both.mean.forces, both.members.forces, 0.2)
    heavy = sample.numbers != 8
    dump = dump_of(tmp_path / "a.dump")
    np.testing.assert_allclose(dump["c_u"], f, rtol=1e-9)
    np.testing.assert_allclose(dump["c_h"], np.where(heavy, other, 0.0), rtol=1e-9)
    share = np.exp(f).max() / np.exp(f).sum()
    expected = [f.max(), committee_sigma(both)[0], f.max(), f.mean(), share, other[heavy].max()]
    np.testing.assert_allclose(printed(result.stdout, "value")[0], expected, rtol=1e-9)


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_closest_pair_is_found_across_boundaries_and_by_elements(plugin, tmp_path, ranks):
    sample = SAMPLES["triclinic"]
    make_potential(3, elements=ELEMENTS, cutoff=4.2).save(tmp_path / "ace.json")
    sample.write(tmp_path / "a.data", ELEMENTS)
    result = run_lammps(
        plugin,
        tmp_path,
        f"""units metal
atom_style atomic
box tilt large
read_data a.data
pair_style atomsmith
pair_coeff * * ace.json {SYMBOLS}
compute a all atomsmith/closest * * 1.5
compute b all atomsmith/closest * * 2 1 3 2.5 2 2 0
compute c all atomsmith/closest 3 3 0.1
thermo_style custom step c_a c_b c_c
run 0
print "value $(c_a:%.17g) $(c_b:%.17g) $(c_c:%.17g)"
""",
        ranks=ranks,
    )
    i, j, distances = neighbor_list("ijd", sample.atoms, 4.2)
    pairs = np.sort(np.stack([sample.numbers[i], sample.numbers[j]]), axis=0).T
    limit = np.full(len(i), 2.0)
    limit[(pairs == (8, 13)).all(axis=1)] = 2.5
    limit[(pairs == (14, 14)).all(axis=1)] = np.inf
    oxygen = distances[(pairs == (8, 8)).all(axis=1)]
    with np.errstate(divide="ignore"):
        ratios = np.where(np.isfinite(limit), distances / limit, np.inf)
    expected = [distances.min() / 1.5, ratios.min(), oxygen.min() / 0.1]
    np.testing.assert_allclose(printed(result.stdout, "value")[0], expected, rtol=1e-12)


def test_a_run_halts_where_the_committee_disagrees(plugin, tmp_path):
    sample = SAMPLES["orthogonal"]
    potential = make_potential(3, elements=ELEMENTS, cutoff=4.2)
    potential.save(tmp_path / "ace.json")
    sample.write(tmp_path / "a.data", ELEMENTS)
    both = Evaluator(potential, skin=0.0).predict_committee(sample.systems)
    largest = relative_force_uncertainty(both.mean.forces, both.members.forces, 0.2).max()
    text = f"""units metal
atom_style atomic
read_data a.data
pair_style atomsmith
pair_coeff * * ace.json {SYMBOLS}
compute u all atomsmith/uncertainty
variable f equal c_u
fix h all halt 1 v_f > ${{tolerance}} error continue message no
timestep 1e-9
fix i all nve
run 3
print "value $(step)"
"""
    for tolerance, steps in ((1.01 * largest, 3), (0.99 * largest, 1)):
        result = run_lammps(plugin, tmp_path, text, ranks=2, arguments=["-var", "tolerance", str(tolerance)])
        assert printed(result.stdout, "value")[0, 0] == steps
