"""Energies, forces and virials in LAMMPS against our own evaluator, on every kind of cell."""

from pathlib import Path

import numpy as np
import pytest
from tests.engine.plans import (
    bispectrum_part,
    pair_part,
    reference_part,
    zbl_part,
)
from tests.exchange.pace_files import random_model
from tests.in_lammps.running import BAR, Sample, dump_of, printed, run_lammps, vectors
from tests.potentials import make_potential

from atomsmith.evaluator import Evaluator
from atomsmith.exchange.pace.reading import potential_of as potential_from_pace
from atomsmith.lammps import build_plugin, find_installation
from atomsmith.potential import Potential

ELEMENTS = (13, 14, 8)
SYMBOLS = "Al Si O"


def random_sample(seed, n, lengths, tilts=(0.0, 0.0, 0.0), pbc=(True, True, True), close=False):
    rng = np.random.default_rng(seed)
    cell = np.diag(np.array(lengths, dtype=np.float64))
    cell[1, 0], cell[2, 0], cell[2, 1] = tilts
    fractional = rng.uniform(0.02, 0.98, (n, 3))
    positions = fractional @ cell
    # No pair nearer than half the mean distance, so that nothing overflows the comparison.
    for _ in range(50):
        for i in range(n):
            d = positions - positions[i]
            r = np.linalg.norm(d, axis=1)
            near = (r < 1.4) & (r > 0)
            positions[near] += 0.3 * d[near] / r[near, None]
        fractional = np.clip(positions @ np.linalg.inv(cell), 0.01, 0.99)
        positions = fractional @ cell
    if close and n > 1:
        positions[1] = positions[0] + [0.7, 0.1, -0.2]
    return Sample(rng.choice(ELEMENTS, n), positions, cell, pbc)


SAMPLES = {
    "orthogonal": random_sample(0, 40, (9.0, 8.0, 10.0)),
    "triclinic": random_sample(1, 40, (9.0, 8.0, 10.0), (3.0, -2.5, 3.5)),
    "smaller than the cutoff": random_sample(2, 3, (3.1, 2.9, 3.3), (0.8, -0.4, 0.9)),
    "one atom": random_sample(3, 1, (2.6, 2.7, 2.8)),
    "flat": random_sample(4, 12, (14.0, 12.0, 2.9), (2.0, 0.0, 0.0)),
    "slab": random_sample(5, 24, (8.0, 9.0, 12.0), pbc=(True, True, False)),
    "wire": random_sample(6, 16, (12.0, 6.0, 12.0), pbc=(False, True, False)),
    "cluster": random_sample(7, 12, (9.0, 9.0, 9.0), pbc=(False, False, False)),
    "close pair": random_sample(8, 20, (8.0, 8.0, 8.0), close=True),
    "empty half": Sample(
        np.array([13, 14, 8]), np.array([[0.5, 0.5, 0.5], [2.5, 0.6, 0.7], [0.8, 2.4, 1.9]]), 16.0 * np.eye(3)
    ),
}


def write_potentials(folder):
    """A linear ACE with pairs and repulsion, a quadratic bispectrum, and PACE with its core."""
    ace = make_potential(1, elements=ELEMENTS, cutoff=4.2)
    parts = [reference_part(ELEMENTS), bispectrum_part(ELEMENTS, products=True), zbl_part(ELEMENTS)]
    pace = potential_from_pace(random_model(tuple(SYMBOLS.split()), "density", ranks=(1, 2, 3)), "test")
    potentials = {"ace.json": ace, "snap.json": potential_of(parts), "pace.json": pace}
    for name, potential in potentials.items():
        potential.save(folder / name)
    return potentials


def potential_of(parts, seed=3, elements=ELEMENTS):
    from atomsmith import _engine
    from atomsmith.descriptors import FeatureInfo

    plan = {"elements": list(elements), "parts": parts}
    n = _engine.Model.from_plan(plan).n_features
    info = FeatureInfo(
        order=np.zeros(n, np.int32),
        degree=np.zeros(n),
        smoothness=np.ones(n),
        elements=((),) * n,
        labels=("",) * n,
    )
    return Potential(tuple(elements), plan, info, 0.1 * np.random.default_rng(seed).normal(size=n))


def script(names, files):
    lines = []
    for k, name in enumerate(names):
        sample = SAMPLES[name]
        for file in files:
            lines += [
                "clear",
                "units metal",
                "newton ${newton}",
                "atom_style atomic",
                f"boundary {sample.boundary}",
                "processors ${grid}",
                "box tilt large",
                f"read_data {k}.data",
                "pair_style atomsmith",
                f"pair_coeff * * {file} {SYMBOLS}",
                "compute p all pressure NULL virial",
                "thermo_style custom step pe c_p[*]",
                "run 0 post no",
                'print "value $(pe:%.17g) $(c_p[1]:%.17g) $(c_p[2]:%.17g) $(c_p[3]:%.17g) '
                '$(c_p[4]:%.17g) $(c_p[5]:%.17g) $(c_p[6]:%.17g) $(vol:%.17g)"',
                f"write_dump all custom {k}.{file}.dump id fx fy fz modify format float %.17g",
            ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("ranks", "newton", "grid"),
    [(1, "on", "* * *"), (1, "off", "* * *"), (2, "on", "2 1 1"), (2, "off", "1 1 2")],
)
def test_energies_forces_and_virials_agree(plugin, tmp_path, ranks, newton, grid):
    potentials = write_potentials(tmp_path)
    for k, sample in enumerate(SAMPLES.values()):
        sample.write(tmp_path / f"{k}.data", ELEMENTS)
    result = run_lammps(
        plugin,
        tmp_path,
        script(SAMPLES, potentials),
        ranks=ranks,
        arguments=["-var", "newton", newton, "-var", "grid", grid],
    )
    values = iter(printed(result.stdout, "value"))
    for k, (name, sample) in enumerate(SAMPLES.items()):
        for file, potential in potentials.items():
            expected = Evaluator(potential, skin=0.0).predict(sample.systems)
            row = next(values)
            np.testing.assert_allclose(row[0], expected.energy[0], rtol=1e-10, err_msg=name)
            virial = row[1:7] * row[7] / BAR
            full = 0.5 * (expected.virial[0] + expected.virial[0].T)
            scale = np.abs(full).max() + 1.0
            wanted = full[(0, 1, 2, 0, 0, 1), (0, 1, 2, 1, 2, 2)]
            np.testing.assert_allclose(virial, wanted, atol=1e-9 * scale, rtol=0, err_msg=name)
            forces = vectors(dump_of(tmp_path / f"{k}.{file}.dump"), "fx", "fy", "fz")
            scale = np.abs(expected.forces).max() + 1.0
            np.testing.assert_allclose(forces, expected.forces, atol=1e-9 * scale, rtol=0, err_msg=name)
    assert next(values, None) is None


def test_an_older_lammps_without_plugins_agrees(tmp_path, tmp_path_factory, monkeypatch):
    """Debian's LAMMPS of 2021 gets an executable with the styles built in."""
    if not Path("/usr/bin/lmp").is_file() or not Path("/usr/include/lammps/pair.h").is_file():
        pytest.skip("needs the Debian packages lammps and liblammps-dev")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp().parent / "cache"))
    older = build_plugin(find_installation(Path("/usr/bin/lmp")))
    assert older.library is None
    sample = SAMPLES["triclinic"]
    sample.write(tmp_path / "a.data", ELEMENTS)
    potential = write_potentials(tmp_path)["ace.json"]
    script = f"""units metal
newton off
atom_style atomic
box tilt large
read_data a.data
pair_style atomsmith
pair_coeff * * ace.json {SYMBOLS}
compute u all atomsmith/uncertainty
thermo_style custom step pe c_u
run 0
print "value $(pe:%.17g)"
write_dump all custom a.dump id fx fy fz modify format float %.17g
"""
    result = run_lammps(older, tmp_path, script, ranks=2)
    expected = Evaluator(potential, skin=0.0).predict(sample.systems)
    np.testing.assert_allclose(printed(result.stdout, "value")[0, 0], expected.energy[0], rtol=1e-10)
    forces = vectors(dump_of(tmp_path / "a.dump"), "fx", "fy", "fz")
    scale = np.abs(expected.forces).max()
    np.testing.assert_allclose(forces, expected.forces, atol=1e-9 * scale, rtol=0)


def test_single_precision_is_close_and_threads_change_no_bit(plugin, tmp_path):
    sample = SAMPLES["triclinic"]
    sample.write(tmp_path / "a.data", ELEMENTS)
    potential = write_potentials(tmp_path)["ace.json"]
    forces = {}
    for style in ("threads 1", "threads 2", "precision single"):
        script = f"""units metal
atom_style atomic
box tilt large
read_data a.data
pair_style atomsmith {style}
pair_coeff * * ace.json {SYMBOLS}
run 0
write_dump all custom a.dump id fx fy fz modify format float %.17g
"""
        run_lammps(plugin, tmp_path, script)
        forces[style] = vectors(dump_of(tmp_path / "a.dump"), "fx", "fy", "fz")
    np.testing.assert_array_equal(forces["threads 2"], forces["threads 1"])
    expected = Evaluator(potential, skin=0.0).predict(sample.systems).forces
    assert 0.0 < np.abs(forces["precision single"] - expected).max() < 1e-5 * np.abs(expected).max()


def test_potentials_add_up_and_skip_types_mapped_to_null(plugin, tmp_path):
    """hybrid/overlay of an ACE without the third element and a pair potential of all."""
    sample = SAMPLES["triclinic"]
    sample.write(tmp_path / "a.data", ELEMENTS)
    ace = make_potential(5, elements=ELEMENTS[:2], cutoff=4.0)
    ace.save(tmp_path / "ace.json")
    pair = potential_of([reference_part(ELEMENTS), pair_part(ELEMENTS)])
    pair.save(tmp_path / "pair.json")
    result = run_lammps(
        plugin,
        tmp_path,
        f"""units metal
atom_style atomic
box tilt large
read_data a.data
pair_style hybrid/overlay atomsmith atomsmith
pair_coeff * * atomsmith 1 ace.json Al Si NULL
pair_coeff * * atomsmith 2 pair.json {SYMBOLS}
compute p all pressure NULL virial
thermo_style custom step pe c_p[*]
run 0
print "value $(pe:%.17g) $(c_p[1]:%.17g) $(vol:%.17g)"
write_dump all custom a.dump id fx fy fz modify format float %.17g
""",
        ranks=2,
    )
    kept = sample.numbers != 8
    part = Sample(sample.numbers[kept], sample.positions[kept], sample.cell)
    one = Evaluator(ace, skin=0.0).predict(part.systems)
    both = Evaluator(pair, skin=0.0).predict(sample.systems)
    forces = both.forces.copy()
    forces[kept] += one.forces
    energy, pressure, volume = printed(result.stdout, "value")[0]
    np.testing.assert_allclose(energy, one.energy[0] + both.energy[0], rtol=1e-10)
    np.testing.assert_allclose(
        pressure * volume / BAR, one.virial[0, 0, 0] + both.virial[0, 0, 0], rtol=1e-9, atol=1e-9
    )
    got = vectors(dump_of(tmp_path / "a.dump"), "fx", "fy", "fz")
    np.testing.assert_allclose(got, forces, atol=1e-9 * np.abs(forces).max(), rtol=0)


def test_types_that_a_fix_changes_between_reneighbourings_are_seen(plugin, tmp_path):
    """fix atom/swap exchanges types without a new neighbour list."""
    sample = SAMPLES["orthogonal"]
    sample.write(tmp_path / "a.data", ELEMENTS)
    potential = write_potentials(tmp_path)["ace.json"]
    result = run_lammps(
        plugin,
        tmp_path,
        f"""units metal
atom_style atomic
read_data a.data
pair_style atomsmith
pair_coeff * * ace.json {SYMBOLS}
neigh_modify every 100 delay 100 check no
fix swap all atom/swap 1 20 7 1e9 types 1 2
run 3
print "value $(pe:%.17g)"
write_dump all custom a.dump id type modify format float %.17g
""",
        ranks=2,
    )
    types = dump_of(tmp_path / "a.dump")["type"].astype(int)
    numbers = np.array(ELEMENTS)[types - 1]
    assert not np.array_equal(numbers, sample.numbers)
    expected = Evaluator(potential, skin=0.0).predict(Sample(numbers, sample.positions, sample.cell).systems)
    np.testing.assert_allclose(printed(result.stdout, "value")[0, 0], expected.energy[0], rtol=1e-10)


def test_every_kind_of_part_is_compared(tmp_path):
    """What the comparison rests on: parts of every kind, with forces that are not small."""
    potentials = write_potentials(tmp_path)
    kinds = {part["kind"] for potential in potentials.values() for part in potential.plan["parts"]}
    assert kinds == {"e0", "pair", "ace", "zbl", "bispectrum"}
    assert any("regressor" in part for part in potentials["pace.json"].plan["parts"])
    for potential in potentials.values():
        prediction = Evaluator(potential, skin=0.0).predict(SAMPLES["orthogonal"].systems)
        assert np.abs(prediction.forces).max() > 0.1
