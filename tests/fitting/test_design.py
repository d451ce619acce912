"""Weighted rows of the design matrix: what they hold, and that blocks of any size give the same factor."""

import numpy as np
import pytest

import atomsmith.fitting.rows.design as design
from atomsmith.data.configuration import Configuration
from atomsmith.fitting.rows.design import RowMaker, blocks
from atomsmith.fitting.rows.factor_set import FactorSet, KindFactors
from atomsmith.fitting.rows.streaming import accumulate
from atomsmith.fitting.weights import Weights
from engine.plans import SHAPES, random_system
from potentials import ELEMENTS, make_potential

REFERENCE = np.array([-3.0, 2.0])


def configurations():
    """Of several kinds, each with some labels missing."""
    rng = np.random.default_rng(1)
    found = []
    for k, name in enumerate(["skewed", "tiny", "molecule", "thin", "alone"]):
        systems = random_system(SHAPES[name], ELEMENTS, 40 + k)
        stress = rng.normal(size=6) if systems.pbc.all() and k != 3 else None
        found.append(
            Configuration(
                systems.numbers,
                systems.positions,
                systems.cells[0],
                systems.pbc[0],
                energy=None if k == 1 else float(rng.normal()),
                forces=None if k == 3 else rng.normal(size=(systems.n_atoms, 3)),
                stress=stress,
                weight=1.0 + k,
                forces_weight=0.5,
            )
        )
    return found


WEIGHTS = Weights(energy=7.0, forces=2.0, virial=3.0)


def test_rows_times_coefficients_minus_targets_are_the_weighted_errors():
    potential, given = make_potential(), configurations()
    found = RowMaker(potential.plan, WEIGHTS, REFERENCE).rows(given)
    coefficients = potential.coefficients.copy()
    coefficients[:2] -= REFERENCE  # rows are relative to the reference
    expected = {"energy": [], "forces": [], "virial": []}
    for configuration in given:
        predicted = potential.predict([configuration])
        own, root = configuration.weight, np.sqrt(len(configuration))
        if configuration.energy is not None:
            expected["energy"].append([(predicted.energy[0] - configuration.energy) * own / root])
        if configuration.forces is not None:
            expected["forces"].append((predicted.forces - configuration.forces).ravel() * own * 0.5)
        if configuration.stress is not None:
            virial = predicted.virial[0][[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
            expected["virial"].append((virial + configuration.volume * configuration.stress) * own / root)
    for kind, part in found.items():
        wanted = np.concatenate(expected[kind])
        errors = part.scales * (part.rows @ coefficients - part.targets)
        np.testing.assert_allclose(errors, wanted, atol=1e-10 * np.abs(wanted).max(), err_msg=kind)


def test_rows_without_pressure_are_those_of_the_deviator():
    potential, given = make_potential(), configurations()
    whole = RowMaker(potential.plan, WEIGHTS, REFERENCE).rows(given)
    found = RowMaker(potential.plan, WEIGHTS.model_copy(update={"pressure": False}), REFERENCE).rows(given)
    coefficients = potential.coefficients.copy()
    coefficients[:2] -= REFERENCE
    before, after = (made["virial"].rows @ coefficients - made["virial"].targets for made in (whole, found))
    before, after = before.reshape(-1, 6), after.reshape(-1, 6)
    before[:, :3] -= before[:, :3].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(after, before, atol=1e-10 * np.abs(before).max())
    np.testing.assert_array_equal(found["forces"].rows, whole["forces"].rows)
    np.testing.assert_array_equal(found["virial"].scales, whole["virial"].scales)


def test_errors_of_a_set_are_those_of_the_potential():
    potential, given = make_potential(), [c.replace(weight=1.0, forces_weight=1.0) for c in configurations()]
    factors = FactorSet(len(potential.coefficients), 2)
    accumulate(RowMaker(potential.plan, WEIGHTS, REFERENCE), given, factors)
    coefficients = potential.coefficients.copy()
    coefficients[:2] -= REFERENCE
    found = factors.errors(coefficients)
    pairs = [(potential.predict([c]), c) for c in given]
    energy = [(p.energy[0] - c.energy, len(c)) for p, c in pairs if c.energy is not None]
    # Energies count in proportion to the number of atoms.
    squares = sum(difference**2 / atoms for difference, atoms in energy)
    assert found.energy == pytest.approx(1e3 * np.sqrt(squares / sum(atoms for _, atoms in energy)), rel=1e-9)
    forces = [p.forces - c.forces for p, c in pairs if c.forces is not None]
    assert found.forces == pytest.approx(np.sqrt(np.mean(np.concatenate(forces) ** 2)), rel=1e-9)
    assert factors.errors(coefficients) == factors.held_out_errors({0: coefficients, 1: coefficients})


@pytest.mark.parametrize("n", [1, 3, 5])
def test_rows_have_the_same_bits_in_any_company(n):
    potential, given = make_potential(), configurations()
    maker = RowMaker(potential.plan, WEIGHTS, REFERENCE)
    together, parts = maker.rows(given), [maker.rows(given[k : k + n]) for k in range(0, 5, n)]
    for kind, whole in together.items():
        for name in ("rows", "targets", "scales"):
            cut = np.concatenate([getattr(part[kind], name) for part in parts])
            assert np.array_equal(cut, getattr(whole, name)), (kind, name)


def test_blocks_of_any_size_give_the_same_bits(monkeypatch):
    potential, given = make_potential(), configurations()
    maker, n = RowMaker(potential.plan, WEIGHTS, REFERENCE), len(potential.coefficients)
    whole, single, done = KindFactors(n), KindFactors(n), []
    maker.fold(given, whole)
    monkeypatch.setattr(design, "BLOCK_BYTES", 1)
    assert [len(block) for block in blocks(given, 10)] == [1] * len(given)
    maker.fold(given, single, progress=done.append)
    assert done == [1, 1, 1, 1, 1]
    for name, array in whole.to_arrays().items():
        assert np.array_equal(array, single.to_arrays()[name]), name


@pytest.mark.parametrize("sizes", [[3, 3, 3], [1], [50, 1, 1, 1]])
def test_blocks_keep_every_configuration_in_order(sizes, monkeypatch):
    given = [Configuration(np.full(n, 1), np.arange(3.0 * n).reshape(n, 3)) for n in sizes]
    monkeypatch.setattr(design, "BLOCK_BYTES", 8 * 20 * 100)
    found = list(blocks(given, 20))
    assert [c for block in found for c in block] == given
