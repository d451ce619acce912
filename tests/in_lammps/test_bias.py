"""The bias in LAMMPS against that of our own walkers: strength, control, and whose sigma."""

import numpy as np
import pytest
from tests.in_lammps.running import BAR, Sample, dump_of, printed, run_lammps, vectors
from tests.in_lammps.test_agreement import ELEMENTS, SAMPLES, SYMBOLS
from tests.potentials import make_potential

from atomsmith.evaluator import Evaluator
from atomsmith.sampling.bias import TauState, scheduled_tau_rel, updated_tau
from atomsmith.sampling.layout import Layout
from atomsmith.sampling.surface import evaluate_details

RANKS = pytest.mark.parametrize(("ranks", "newton"), [(1, "on"), (2, "on"), (2, "off")])
SCRIPT = f"""units metal
newton ${{newton}}
atom_style atomic
atom_modify map array
box tilt large
read_data a.data
pair_style atomsmith bias ${{bias}}
pair_coeff * * ace.json {SYMBOLS}
compute b all pair atomsmith
compute e all pe/atom
compute sum all reduce sum c_e
compute p all pressure NULL virial
thermo_style custom step pe c_b[*] c_sum c_p[*]
"""
PRINT = """print "value $(pe:%.17g) $(c_sum:%.17g) $(c_b[1]:%.17g) $(c_b[2]:%.17g) $(c_b[3]:%.17g)"
print "average $(c_b[4]:%.17g) $(c_b[5]:%.17g)"
print "pressure $(c_p[4]:%.17g) $(vol:%.17g)"
write_dump all custom a.dump id xu yu zu fx fy fz modify format float %.17g
"""


@pytest.fixture
def folder(tmp_path):
    SAMPLES["triclinic"].write(tmp_path / "a.data", ELEMENTS)
    make_potential(4, elements=ELEMENTS, cutoff=4.2).save(tmp_path / "ace.json")
    return tmp_path


def run(plugin, folder, bias, more, newton="on", ranks=1):
    script = SCRIPT.replace("${bias}", bias).replace("${newton}", newton) + more
    return run_lammps(plugin, folder, script, ranks=ranks).stdout


def compare(output, folder, tau, uncertainty="committee"):
    """Everything that LAMMPS got of the surface E - tau sigma, with our own evaluator."""
    sample = SAMPLES["triclinic"]
    dump = dump_of(folder / "a.dump")
    now = Sample(sample.numbers, vectors(dump, "xu", "yu", "zu"), sample.cell).systems
    evaluator = Evaluator(make_potential(4, elements=ELEMENTS, cutoff=4.2), skin=0.0)
    biased = evaluator.predict_biased(now, np.array([tau]), uncertainty)
    energy, sigma = biased.energy[0], biased.sigma[0]
    row = printed(output, "value")[-1]
    np.testing.assert_allclose(
        row, [energy - tau * sigma, energy - tau * sigma, sigma, energy, tau], rtol=1e-9
    )
    pressure, volume = printed(output, "pressure")[-1]
    virial = 0.5 * (biased.virial[0] + biased.virial[0].T)
    np.testing.assert_allclose(pressure * volume / BAR, virial[0, 1], atol=1e-9 * np.abs(virial).max())
    scale = np.abs(biased.forces).max()
    np.testing.assert_allclose(vectors(dump, "fx", "fy", "fz"), biased.forces, atol=1e-9 * scale, rtol=0)


@RANKS
@pytest.mark.parametrize("uncertainty", ["committee", "posterior"])
def test_the_bias_is_that_of_our_walkers(plugin, folder, uncertainty, ranks, newton):
    output = run(plugin, folder, f"0.7 sigma {uncertainty}", "run 0\n" + PRINT, newton, ranks)
    compare(output, folder, 0.7, uncertainty)


@RANKS
def test_a_relative_bias_follows_the_forces_as_that_of_our_walkers(plugin, folder, ranks, newton):
    """Nine steps, of which every second looks; burn-in of two, then a rise of four."""
    keywords = "relative 0.4 window 6 burn 2 ramp 4 every 2"
    more = """timestep 0.002
fix 1 all nve
dump d all custom 1 all.dump id xu yu zu
dump_modify d sort id format float %.17g
run 9
"""
    output = run(plugin, folder, keywords, more + PRINT, newton, ranks)
    sample = SAMPLES["triclinic"]
    evaluator = Evaluator(make_potential(4, elements=ELEMENTS, cutoff=4.2), skin=0.0)
    unset = np.full(1, np.nan)
    state = TauState(np.zeros(1), unset, unset)
    frames = (folder / "all.dump").read_text().split("ITEM: ATOMS id xu yu zu")[1:]
    assert len(frames) == 10
    for step, frame in enumerate(frames):
        rows = [line.split() for line in frame.splitlines() if len(line.split()) == 4 and "ITEM" not in line]
        positions = np.array(rows[: len(sample.numbers)], dtype=np.float64)[:, 1:]
        if step % 2 == 0:
            systems = Sample(sample.numbers, positions, sample.cell).systems
            layout = Layout.of(systems)
            details = evaluate_details(evaluator, systems, layout, "committee", members=False)
            wanted = scheduled_tau_rel(*(np.array([x]) for x in (0.4, 2.0, 4.0)), np.array([step]))
            state = updated_tau(
                state,
                details.mean.forces,
                details.derivatives.gradient,
                layout,
                wanted,
                np.array([2.0 / 6.0]),
            )
    assert np.abs(positions - sample.positions).max() > 0.01
    averages = [state.mean_force[0], state.mean_gradient[0]]
    np.testing.assert_allclose(printed(output, "average")[-1], averages, rtol=1e-8)
    np.testing.assert_allclose(printed(output, "value")[-1][4], state.tau[0], rtol=1e-8)
    compare(output, folder, printed(output, "value")[-1][4])


def test_a_resumed_bias_goes_on_as_if_it_had_not_been_interrupted(plugin, folder):
    keywords = "relative 0.4 window 6 burn 2 ramp 4"
    move = "timestep 0.002\nfix 1 all nve\n"
    whole = run(plugin, folder, keywords, move + "run 8\n" + PRINT)
    first = run(plugin, folder, keywords, move + "run 5\nwrite_restart a.restart\n" + PRINT)
    tau, (force, gradient) = printed(first, "value")[-1][4], printed(first, "average")[-1]
    script = SCRIPT.replace("read_data a.data", "read_restart a.restart").replace("box tilt large\n", "")
    script = script.replace("atom_style atomic\natom_modify map array\n", "").replace(
        "newton ${newton}\n", ""
    )
    resumed = script.replace(
        "${bias}", f"{keywords} start 0 resume {float(tau)!r} {float(force)!r} {float(gradient)!r}"
    )
    second = run_lammps(plugin, folder, resumed + move + "run 3\n" + PRINT).stdout
    np.testing.assert_allclose(printed(second, "value")[-1], printed(whole, "value")[-1], rtol=1e-9)
    np.testing.assert_allclose(printed(second, "average")[-1], printed(whole, "average")[-1], rtol=1e-9)


def test_atoms_feel_the_gradient_of_the_surface_also_while_the_strength_is_found(plugin, folder):
    """At such a step virials of atoms are mixtures, too: they must add up to that of the whole."""
    more = """compute s all stress/atom NULL virial
compute c all centroid/stress/atom NULL virial
compute total all reduce sum c_s[1] c_s[4] c_c[1] c_c[4]
thermo_style custom step pe c_p[*] c_total[*]
run 0
print "sums $(c_total[1]:%.17g) $(c_total[2]:%.17g) $(c_total[3]:%.17g) $(c_total[4]:%.17g)"
print "whole $(-c_p[1]*vol:%.17g) $(-c_p[4]*vol:%.17g) $(c_b[3]:%.17g)"
"""
    output = run(plugin, folder, "relative 0.4 burn 0 ramp 0 start 0", "reset_timestep 50\n" + more, ranks=2)
    xx, xy, tau = printed(output, "whole")[0]
    assert tau > 0.0
    scale = abs(xx) + abs(xy)
    np.testing.assert_allclose(printed(output, "sums")[0], [xx, xy, xx, xy], atol=1e-9 * scale, rtol=0)
