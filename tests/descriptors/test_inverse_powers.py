"""Lattice sums of inverse powers: published values, derivatives, and what they are for any choice of cell."""

import numpy as np
import pytest
from scipy.special import exp1, gamma

from atomsmith.data.configuration import Configuration
from atomsmith.descriptors import InversePowersSettings, build_inverse_powers, inverse_powers_size
from atomsmith.errors import InputError
from atomsmith.evaluator import PlanEvaluator, sum_atoms
from atomsmith.fitting.solvers.posterior import Posterior
from atomsmith.model import ModelSettings, TermSettings, build_model
from atomsmith.potential import Potential
from atomsmith.regressors import QuadraticSettings
from atomsmith.systems import Systems
from engine.plans import SHAPES, Shape, joined, random_coefficients, random_system

ALL = tuple(range(1, 16))
FCC = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
BCC = (np.ones((3, 3)) - 2.0 * np.eye(3)) / np.sqrt(3.0)
HCP = np.array([[1.0, 0.0, 0.0], [-0.5, np.sqrt(0.75), 0.0], [0.0, 0.0, np.sqrt(8.0 / 3.0)]])
ORIGIN = [[0.0, 0.0, 0.0]]
CRYSTAL = Shape(5, (3.4, 4.5, 3.0), (True, True, True), skew=0.4, closest=1.2)
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def plan(elements, powers=ALL, scale=1.0):
    n = len(elements)
    part = build_inverse_powers(
        InversePowersSettings(powers=powers),
        elements,
        np.full((n, n), scale) + 0.1 * np.eye(n) * (scale != 1.0),
    ).part
    return {"elements": list(elements), "parts": [{"kind": "e0", "n_features": n}, part]}


def crystal(numbers, fractional, cell):
    return Systems(
        numbers=np.array(numbers, np.int32),
        positions=np.array(fractional) @ cell,
        cells=np.array(cell, dtype=float)[None],
        pbc=np.ones((1, 3), dtype=bool),
        first=np.array([0, len(numbers)]),
    )


def cluster(numbers, positions):
    return Systems(
        numbers=np.array(numbers, np.int32),
        positions=np.array(positions, dtype=float),
        cells=np.zeros((1, 3, 3)),
        pbc=np.zeros((1, 3), dtype=bool),
        first=np.array([0, len(numbers)]),
    )


def repeated(systems, counts):
    steps = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), axis=-1).reshape(-1, 3)
    positions = systems.positions[:, None] + steps @ systems.cells[0]
    return crystal(
        np.repeat(systems.numbers, len(steps)),
        positions.reshape(-1, 3) @ np.linalg.inv(systems.cells[0] * np.array(counts)[:, None]),
        systems.cells[0] * np.array(counts)[:, None],
    )


def sums(systems, powers=ALL, elements=None):
    """Sums over all pairs of atoms of one system, [pair of elements, power]."""
    elements = elements or sorted({int(z) for z in systems.numbers})
    found, _ = PlanEvaluator(plan(elements, powers)).feature_sums(systems)
    return found[0, len(elements) :].reshape(-1, len(powers))


@pytest.mark.parametrize(
    ("cell", "other", "expected"),
    [
        (2.0 * FCC, [0.5, 0.5, 0.5], 1.74756459463318219),  # NaCl
        (2.0 / np.sqrt(3.0) * np.eye(3), [0.5, 0.5, 0.5], 1.76267477307099),  # CsCl
        (4.0 / np.sqrt(3.0) * FCC, [0.25, 0.25, 0.25], 1.63805505338879),  # ZnS, sphalerite
    ],
)
def test_madelung_constants(cell, other, expected):
    found = sums(crystal([11, 17], [*ORIGIN, other], cell), (1,))[:, 0]
    assert -(found[0] - found[1] + found[2]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("cell", "atoms", "sixth", "twelfth"),
    [
        (np.eye(3), ORIGIN, 8.401923974828, 6.202149045048),
        (BCC, ORIGIN, 12.253667867292, 9.114183268075),
        (np.sqrt(2.0) * FCC, ORIGIN, 14.453921043744, 12.131880196545),
        (HCP, [*ORIGIN, [1.0 / 3.0, 2.0 / 3.0, 0.5]], 14.454897277842, 12.132293769099),
    ],
)
def test_lattice_sums_of_lennard_jones(cell, atoms, sixth, twelfth):
    """Lennard-Jones and Ingham (1925); digits of Schwerdtfeger et al., Phys. Rev. B 73, 064112 (2006)."""
    found = 2.0 * sums(crystal([18] * len(atoms), atoms, cell))[0] / len(atoms)
    assert found[5] == pytest.approx(sixth, abs=1e-12)
    assert found[11] == pytest.approx(twelfth, abs=1e-12)


def test_sums_less_a_uniform_background():
    """For k up to 3: sums with a smooth cutoff that widens, less the integral of the mean density.

    The background of k = 3 begins at 1 angstrom, that of the others at the nucleus. What a damping of
    exp(-r^2 / w^2) takes away falls off as 1 / w^2, which two widths show.
    """
    found = 2.0 * sums(crystal([18], ORIGIN, np.eye(3)), (1, 2, 3))[0]
    steps = np.arange(-52, 53) ** 2
    squared = np.add.outer(np.add.outer(steps, steps), steps).reshape(-1).astype(float)
    squared = squared[squared > 0.0]

    def damped(k, width):
        whole = (
            2.0 * np.pi * exp1(1.0 / width**2)
            if k == 3
            else 2.0 * np.pi * width ** (3 - k) * gamma(0.5 * (3 - k))
        )
        return (np.exp(-squared / width**2) * squared ** (-0.5 * k)).sum() - whole

    for k, sum_, accuracy in zip((1, 2, 3), found, (1e-5, 1e-9, 1e-3), strict=True):
        wide = (81.0 * damped(k, 9.0) - 36.0 * damped(k, 6.0)) / 45.0
        assert sum_ == pytest.approx(wide, abs=accuracy)


def test_high_powers_by_direct_summation():
    systems = random_system(CRYSTAL, (8, 14), 4)
    steps = np.stack(np.meshgrid(*[np.arange(-16, 17)] * 3), axis=-1).reshape(-1, 3) @ systems.cells[0]
    expected = np.zeros((3, 2))
    for i, z in enumerate(systems.numbers):
        for j, other in enumerate(systems.numbers):
            r = np.linalg.norm(systems.positions[j] - systems.positions[i] + steps, axis=1)
            r = r[r > 1e-9]
            expected[{16: 0, 22: 1, 28: 2}[int(z + other)]] += 0.5 * np.array(
                [(r**-k).sum() for k in (13, 15)]
            )
    np.testing.assert_allclose(sums(systems, (13, 15), (8, 14)), expected, rtol=1e-12)


def test_cells_of_any_shape_give_the_same_sums():
    """Larger cells and sheared ones are split into neighbours and waves elsewhere."""
    systems = random_system(CRYSTAL, (8, 14), 5)
    expected = sums(systems, elements=(8, 14))
    for counts in ((1, 1, 5), (3, 2, 2)):
        found = sums(repeated(systems, counts), elements=(8, 14)) / np.prod(counts)
        np.testing.assert_allclose(found, expected, rtol=2e-12)
    sheared = systems.replace(cells=(np.array([[1, 2, 0], [0, 1, 0], [-1, 3, 1]]) @ systems.cells[0])[None])
    np.testing.assert_allclose(sums(sheared, elements=(8, 14)), expected, rtol=2e-12)


def test_a_cluster_is_summed_directly():
    systems = random_system(SHAPES["molecule"], (8, 14), 6)
    r = np.linalg.norm(systems.positions[:, None] - systems.positions, axis=-1)
    kind = np.add.outer(systems.numbers, systems.numbers)
    upper = np.triu(np.ones_like(r, dtype=bool), 1)
    expected = [[(r[upper & (kind == z)] ** -float(k)).sum() for k in ALL] for z in (16, 22, 28)]
    np.testing.assert_allclose(sums(systems, elements=(8, 14)), expected, rtol=1e-13)


@pytest.mark.parametrize("shape", [CRYSTAL, SHAPES["tiny"], SHAPES["far outside"], SHAPES["molecule"]])
def test_forces_and_stress_are_derivatives(shape):
    elements = (8, 1, 14)
    used = plan(elements, scale=1.3)
    coefficients = random_coefficients(used, 2)
    systems = random_system(shape, elements, 7)
    evaluator = PlanEvaluator(used)
    weights = evaluator.weights(coefficients[None])
    _, forces, virial = evaluator.predict_sets(systems, weights)
    np.testing.assert_allclose(virial[0, 0], virial[0, 0].T, atol=1e-10 * np.abs(virial).max())

    def slope(moved, step=4e-4):
        stencil = ((-3, -1 / 60), (-2, 3 / 20), (-1, -3 / 4), (1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
        return sum(w * evaluator.predict_sets(moved(n * step), weights)[0].sum() for n, w in stencil) / step

    scale = max(np.abs(forces).max(), np.abs(virial).max())
    for atom, axis in [(0, 0), (systems.n_atoms - 1, 2)]:
        unit = np.zeros_like(systems.positions)
        unit[atom, axis] = 1.0
        found = -slope(lambda s, unit=unit: systems.replace(positions=systems.positions + s * unit))
        assert forces[0, atom, axis] == pytest.approx(found, abs=1e-8 * scale)
    for a, b in VOIGT:

        def strained(s, a=a, b=b):
            strain = np.eye(3)
            strain[a, b] += s
            return systems.replace(positions=systems.positions @ strain, cells=systems.cells @ strain)

        assert virial[0, 0, a, b] == pytest.approx(-slope(strained), abs=1e-8 * scale)


def test_all_entry_points_agree():
    """Features, their sums, rows, sets of coefficients and one set for each system; threads change no bit."""
    elements = (8, 1)
    used = plan(elements, (1, 2, 3, 6, 9, 12), scale=1.4)
    systems = joined(*(random_system(shape, elements, 8) for shape in (CRYSTAL, SHAPES["molecule"], CRYSTAL)))
    sets = random_coefficients(used, 3, 3)
    evaluator = PlanEvaluator(used, skin=0.4)
    features, (found, fixed) = evaluator.features(systems), evaluator.feature_sums(systems)
    energies, forces, virial = evaluator.predict_sets(systems, evaluator.weights(sets))
    energy_rows, force_rows, virial_rows = evaluator.design_rows(systems)
    scale = np.abs(energies).max()
    np.testing.assert_allclose(features @ sets.T, energies.T, atol=1e-12 * scale)
    np.testing.assert_allclose(np.add.reduceat(features, systems.first[:-1]), found, rtol=1e-12)
    np.testing.assert_allclose(energy_rows, found, rtol=1e-10)
    np.testing.assert_array_equal(fixed, 0.0)
    scale = np.abs(virial).max()
    for k in range(3):
        np.testing.assert_allclose((force_rows @ sets[k]).reshape(-1, 3), forces[k], atol=1e-11 * scale)
        voigt = np.stack([virial[k, :, a, b] for a, b in VOIGT], axis=1)
        np.testing.assert_allclose((virial_rows @ sets[k]).reshape(-1, 6), voigt, atol=1e-11 * scale)
    own = evaluator.batch(systems).backward(sets, systems.positions, systems.cells)
    np.testing.assert_allclose(sum_atoms(own[0], systems), (found * sets).sum(axis=1), rtol=1e-11)
    shared = PlanEvaluator(used, n_threads=3)
    for one, other in zip(
        shared.predict_sets(systems, shared.weights(sets)), (energies, forces, virial), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(shared.features(systems), features)


def test_a_slab_is_refused():
    evaluator = PlanEvaluator(plan((8, 1)))
    with pytest.raises(InputError, match=r"System 1 is periodic along a, b only.*along none"):
        evaluator.features(joined(*(random_system(SHAPES[s], (8, 1), 1) for s in ("skewed", "slab"))))


@pytest.mark.parametrize("powers", [(), (0, 1), (3, 16), (2, 2), (6, 1)])
def test_impossible_powers_are_refused(powers):
    with pytest.raises(ValueError, match="power"):
        InversePowersSettings(powers=powers)
    part = plan((8,))["parts"][1] | {"powers": np.array(powers, np.int32), "n_features": len(powers)}
    with pytest.raises(ValueError, match="inverse powers must rise and lie between 1 and 15"):
        PlanEvaluator({"elements": [8], "parts": [part]})


def test_other_regressors_are_refused():
    term = TermSettings(descriptor=InversePowersSettings(), regressor=QuadraticSettings(kind="quadratic"))
    with pytest.raises(InputError, match=r"inverse_powers has the regressor quadratic.*use regressor linear"):
        build_model(ModelSettings(terms=(term,)), (8,))


def test_saved_potential_in_the_calculator(tmp_path):
    elements = (11, 17)
    model = build_model(
        ModelSettings(terms=(TermSettings(descriptor=InversePowersSettings(powers=(1, 9))),), repulsion=None),
        elements,
    )
    assert len(model.features) == 2 + inverse_powers_size(InversePowersSettings(powers=(1, 9)), 2)
    rng = np.random.default_rng(1)
    n = len(model.features)
    posterior = Posterior(rng.normal(size=n), np.arange(n), 0.01 * np.eye(n), 1.0)
    potential = Potential(
        model.elements, model.plan, model.features, posterior.mean, posterior, posterior.draw(4, 2)
    )
    potential.save(tmp_path / "potential.json")
    loaded = Potential.load(tmp_path / "potential.json")
    systems = random_system(CRYSTAL, elements, 3)
    configuration = Configuration(systems.numbers, systems.positions, systems.cells[0], systems.pbc[0])
    expected = potential.predict([configuration])
    atoms = configuration.to_atoms()
    atoms.calc = loaded.calculator(committee=True)
    assert atoms.get_potential_energy() == expected.energy[0]
    np.testing.assert_array_equal(atoms.get_forces(), expected.forces)
    assert atoms.calc.results["committee_forces"].shape == (4, 5, 3)
    sums_, _ = loaded.evaluator().feature_sums(systems)
    assert atoms.calc.results["energy_std"] == pytest.approx(posterior.std(sums_)[0])
