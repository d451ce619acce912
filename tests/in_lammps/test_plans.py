"""Every descriptor with every regressor that the engine evaluates, in LAMMPS as in our evaluator.

The plans are those of the engine's own battery, so that what comes new there is compared here, too.
"""

from dataclasses import replace

import numpy as np
import pytest
from tests.engine.plans import plans
from tests.in_lammps.running import BAR, Sample, dump_of, printed, run_lammps, vectors
from tests.in_lammps.test_agreement import SAMPLES, potential_of

from atomsmith.elements import SYMBOLS
from atomsmith.evaluator import Evaluator

PLANS = {
    name: plan
    for name, plan in plans().items()
    if all(part["kind"] != "inverse_powers" for part in plan["parts"])  # refused; see test_bad_input
}
CELLS = ("triclinic", "smaller than the cutoff", "slab", "cluster")
TAU = 0.3


def sample_of(cell, elements):
    """A sample of the agreement tests with other elements."""
    before = SAMPLES[cell]
    kinds = np.searchsorted(np.unique(before.numbers), before.numbers) % len(elements)
    return Sample(np.array(elements)[kinds], before.positions, before.cell, before.pbc)


def potentials():
    """A potential with a committee for every plan."""
    found = {}
    for name, plan in PLANS.items():
        potential = potential_of(plan["parts"], elements=plan["elements"])
        spread = np.random.default_rng(8).normal(size=(3, potential.coefficients.size))
        found[name] = replace(potential, committee=potential.coefficients + 0.03 * spread)
    return found


def script(found, style):
    lines = []
    for k, potential in enumerate(found.values()):
        symbols = " ".join(SYMBOLS[z] for z in potential.elements)
        for cell in CELLS:
            sample = SAMPLES[cell]
            lines += [
                "clear",
                "units metal",
                "newton ${newton}",
                "atom_style atomic",
                f"boundary {sample.boundary}",
                "box tilt large",
                f"read_data '{cell} {len(potential.elements)} {potential.elements[-1]}.data'",
                f"pair_style atomsmith {style}",
                f"pair_coeff * * {k}.json {symbols}",
                "compute p all pressure NULL virial",
                "thermo_style custom step pe c_p[*]",
                "run 0 post no",
                'print "value $(pe:%.17g) $(c_p[1]:%.17g) $(c_p[2]:%.17g) $(c_p[3]:%.17g) '
                '$(c_p[4]:%.17g) $(c_p[5]:%.17g) $(c_p[6]:%.17g) $(vol:%.17g)"',
                f"write_dump all custom '{k} {cell}.dump' id fx fy fz modify format float %.17g",
            ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("style", "ranks", "newton"), [("", 1, "off"), ("", 2, "on"), (f"bias {TAU}", 2, "off")]
)
def test_every_kind_of_potential_agrees(plugin, tmp_path, style, ranks, newton):
    found = {name: one for name, one in potentials().items() if one.coefficients.size or not style}
    for k, potential in enumerate(found.values()):
        potential.save(tmp_path / f"{k}.json")
        for cell in CELLS:
            name = f"{cell} {len(potential.elements)} {potential.elements[-1]}.data"
            sample_of(cell, potential.elements).write(tmp_path / name, potential.elements)
    result = run_lammps(
        plugin, tmp_path, script(found, style), ranks=ranks, arguments=["-var", "newton", newton]
    )
    values = iter(printed(result.stdout, "value"))
    for k, (name, potential) in enumerate(found.items()):
        for cell in CELLS:
            systems = sample_of(cell, potential.elements).systems
            evaluator = Evaluator(potential, skin=0.0)
            expected = (
                evaluator.predict_biased(systems, np.array([TAU])) if style else evaluator.predict(systems)
            )
            energy = expected.energy[0] - (TAU * expected.sigma[0] if style else 0.0)
            row, where = next(values), f"{name}, {cell}"
            np.testing.assert_allclose(row[0], energy, rtol=1e-10, err_msg=where)
            full = 0.5 * (expected.virial[0] + expected.virial[0].T)
            wanted = full[(0, 1, 2, 0, 0, 1), (0, 1, 2, 1, 2, 2)]
            np.testing.assert_allclose(
                row[1:7] * row[7] / BAR, wanted, atol=1e-9 * np.abs(full).max(), rtol=0, err_msg=where
            )
            forces = vectors(dump_of(tmp_path / f"{k} {cell}.dump"), "fx", "fy", "fz")
            scale = np.abs(expected.forces).max()
            np.testing.assert_allclose(forces, expected.forces, atol=1e-9 * scale, rtol=0, err_msg=where)


def test_every_kind_of_part_and_regressor_is_compared():
    """What the comparison rests on: forces that are not small, of everything that there is."""
    parts = [part for plan in PLANS.values() for part in plan["parts"]]
    assert {part["kind"] for part in parts} >= {
        "e0", "pair", "ace", "zbl", "bispectrum", "moments", "symmetry_functions", "soap",
    }  # fmt: skip
    regressors = {(part["kind"], part["regressor"]["kind"]) for part in parts if "regressor" in part}
    for descriptor in ("ace", "bispectrum", "moments", "symmetry_functions", "soap"):
        assert {(descriptor, kind) for kind in ("quadratic", "kernel", "network", "embedding")} <= regressors
    for potential in potentials().values():
        systems = sample_of("triclinic", potential.elements).systems
        assert np.abs(Evaluator(potential, skin=0.0).predict(systems).forces).max() > 1e-3
