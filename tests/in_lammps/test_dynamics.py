"""What people do in LAMMPS: dynamics, minimisation, changing boxes, rerun, restart."""

import numpy as np
import pytest
from tests.in_lammps.running import BAR, Sample, dump_of, printed, run_lammps, vectors
from tests.potentials import make_potential

from atomsmith.evaluator import Evaluator

ELEMENTS = (13, 14)
FTM2V = 1.0 / 1.0364269e-4
"""LAMMPS's constant of units metal: (angstrom/ps)^2 amu in one eV, inverse."""


@pytest.fixture
def crystal(tmp_path):
    """32 atoms of fcc, and a potential that keeps them together: pairs and repulsion, a little ACE."""
    rng = np.random.default_rng(0)
    basis = 0.5 * np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]])
    corners = np.stack(np.meshgrid(*[range(2)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    positions = 3.9 * (corners[:, None] + basis[None]).reshape(-1, 3) + 0.3
    sample = Sample(
        rng.choice(ELEMENTS, 32), positions + rng.normal(scale=0.02, size=(32, 3)), 7.8 * np.eye(3)
    )
    potential = make_potential(6, elements=ELEMENTS, cutoff=4.5, degrees=(2.0, 3.0))
    potential = type(potential)(
        elements=potential.elements,
        plan=potential.plan,
        features=potential.features,
        coefficients=0.01 * potential.coefficients,
        committee=0.01 * potential.committee,
    )
    potential.save(tmp_path / "ace.json")
    sample.write(tmp_path / "a.data", ELEMENTS)
    return sample, potential


START = """units metal
atom_style atomic
atom_modify map array
read_data a.data
pair_style atomsmith
pair_coeff * * ace.json Al Si
neighbor 0.5 bin
thermo_modify norm no
"""


def test_a_thousand_steps_are_those_of_our_own_integrator(plugin, tmp_path, crystal):
    sample, potential = crystal
    velocities = np.random.default_rng(1).normal(scale=3.0, size=(32, 3))
    lines = [f"velocity {k + 1} {v}" for k, v in enumerate(velocities.tolist())]
    script = START + "".join(
        f"group one id {k + 1}\nvelocity one set {v[0]!r} {v[1]!r} {v[2]!r}\ngroup one delete\n"
        for k, v in enumerate(velocities.tolist())
    )
    assert len(lines) == 32
    script += """timestep 0.001
fix 1 all nve
thermo 1000
run 1000
write_dump all custom a.dump id xu yu zu vx vy vz modify format float %.17g
"""
    run_lammps(plugin, tmp_path, script, ranks=2)
    evaluator = Evaluator(potential, skin=0.5)
    masses = np.array([{13: 26.9815385, 14: 28.085}[z] for z in sample.numbers])[:, None]
    systems = sample.systems
    x, v = sample.positions.copy(), velocities.copy()
    forces = evaluator.predict(systems).forces
    for _ in range(1000):
        v += 0.5 * 0.001 * FTM2V * forces / masses
        x += 0.001 * v
        forces = evaluator.predict(systems.replace(positions=x)).forces
        v += 0.5 * 0.001 * FTM2V * forces / masses
    dump = dump_of(tmp_path / "a.dump")
    assert np.abs(x - sample.positions).max() > 0.1  # that it has moved at all
    np.testing.assert_allclose(vectors(dump, "xu", "yu", "zu"), x, atol=1e-6, rtol=0)
    np.testing.assert_allclose(vectors(dump, "vx", "vy", "vz"), v, atol=1e-5, rtol=0)


def test_relaxed_cells_have_no_forces_and_no_stress_in_our_evaluator(plugin, tmp_path, crystal):
    sample, potential = crystal
    script = (
        START
        + """change_box all triclinic
fix 1 all box/relax tri 0.0 vmax 0.002
min_style cg
minimize 0 1e-7 2000 20000
print "box $(xlo:%.17g) $(xhi:%.17g) $(ylo:%.17g) $(yhi:%.17g) $(zlo:%.17g) $(zhi:%.17g)"
print "tilt $(xy:%.17g) $(xz:%.17g) $(yz:%.17g) $(pe:%.17g)"
write_dump all custom a.dump id xu yu zu modify format float %.17g
"""
    )
    result = run_lammps(plugin, tmp_path, script, ranks=2)
    xlo, xhi, ylo, yhi, zlo, zhi = printed(result.stdout, "box")[0]
    xy, xz, yz, energy = printed(result.stdout, "tilt")[0]
    cell = np.array([[xhi - xlo, 0, 0], [xy, yhi - ylo, 0], [xz, yz, zhi - zlo]])
    x = vectors(dump_of(tmp_path / "a.dump"), "xu", "yu", "zu")
    relaxed = Evaluator(potential, skin=0.0).predict(Sample(sample.numbers, x, cell).systems)
    start = Evaluator(potential, skin=0.0).predict(sample.systems)
    np.testing.assert_allclose(energy, relaxed.energy[0], rtol=1e-10)
    assert relaxed.energy[0] < start.energy[0]
    assert np.abs(relaxed.forces).max() < 0.05 * np.abs(start.forces).max()
    assert np.abs(relaxed.virial).max() < 0.05 * np.abs(start.virial).max()


def test_npt_ends_with_the_energy_and_pressure_of_its_last_frame(plugin, tmp_path, crystal):
    sample, potential = crystal
    script = (
        START
        + """velocity all create 300 1
timestep 0.001
fix 1 all npt temp 300 300 0.1 tri 0 0 0.5
compute p all pressure NULL virial
thermo_style custom step pe c_p[*]
change_box all triclinic
fix 1 all npt temp 300 300 0.1 tri 0 0 0.5
run 100
print "box $(lx:%.17g) $(ly:%.17g) $(lz:%.17g) $(xy:%.17g) $(xz:%.17g) $(yz:%.17g)"
print "value $(pe:%.17g) $(c_p[1]:%.17g) $(vol:%.17g)"
write_dump all custom a.dump id xu yu zu fx fy fz modify format float %.17g
""".replace("fix 1 all npt temp 300 300 0.1 tri 0 0 0.5\ncompute", "compute")
    )
    result = run_lammps(plugin, tmp_path, script)
    lx, ly, lz, xy, xz, yz = printed(result.stdout, "box")[0]
    assert abs(lx - 7.8) > 1e-6
    cell = np.array([[lx, 0, 0], [xy, ly, 0], [xz, yz, lz]])
    dump = dump_of(tmp_path / "a.dump")
    last = Sample(sample.numbers, vectors(dump, "xu", "yu", "zu"), cell)
    expected = Evaluator(potential, skin=0.0).predict(last.systems)
    energy, pressure, volume = printed(result.stdout, "value")[0]
    np.testing.assert_allclose(energy, expected.energy[0], rtol=1e-9)
    scale = np.abs(expected.virial).max()
    np.testing.assert_allclose(pressure * volume / BAR, expected.virial[0, 0, 0], atol=1e-8 * scale)
    forces = vectors(dump, "fx", "fy", "fz")
    np.testing.assert_allclose(forces, expected.forces, atol=1e-8 * np.abs(expected.forces).max(), rtol=0)


def test_rerun_and_restart_go_on_with_the_same_energies(plugin, tmp_path, crystal):
    script = (
        START
        + """velocity all create 300 1
timestep 0.001
fix 1 all nve
thermo 10
variable e equal pe
fix out all print 10 "first $(step) ${e}" screen yes
dump d all custom 10 a.dump id type x y z
dump_modify d sort id format float %.17g
restart 20 a.restart
run 40
"""
    )
    first = printed(run_lammps(plugin, tmp_path, script, ranks=2).stdout, "first")
    assert first[:, 0].tolist() == [0, 10, 20, 30, 40]
    after = """pair_style atomsmith
pair_coeff * * ace.json Al Si
neighbor 0.5 bin
thermo_modify norm no
variable e equal pe
fix out all print 10 "again $(step) ${e}" screen yes
thermo 10
"""
    restart = f"read_restart a.restart.20\n{after}timestep 0.001\nfix 1 all nve\nrun 20\n"
    again = printed(run_lammps(plugin, tmp_path, restart).stdout, "again")
    np.testing.assert_allclose(again, first[2:], rtol=1e-10)
    rerun = START + after.split("thermo_modify norm no\n")[1] + "rerun a.dump dump x y z\n"
    np.testing.assert_allclose(
        printed(run_lammps(plugin, tmp_path, rerun).stdout, "again"), first, rtol=1e-10
    )
