"""The same bits for any company, threads and history; the same numbers for every instruction set."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from atomsmith import _engine
from atomsmith.evaluator import PlanEvaluator
from engine.plans import SHAPES, full_plan, joined, one_of_each, random_coefficients, random_system

PLAN = full_plan()
COEFFICIENTS = random_coefficients(PLAN, 1, 3)


def everything(systems, **options):
    """Every array that the engine gives for some systems."""
    evaluator = PlanEvaluator(PLAN, **options)
    own = np.resize(COEFFICIENTS, (systems.n_systems, COEFFICIENTS.shape[1]))
    return [
        *evaluator.predict_sets(systems, evaluator.weights(COEFFICIENTS)),
        evaluator.features(systems),
        *evaluator.feature_sums(systems),
        *evaluator.batch(systems).backward(own, systems.positions, systems.cells, evaluator.n_threads),
        *evaluator.design_rows(systems),
    ]


def same(found, expected):
    """Assert that all arrays agree in every bit."""
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n_threads", [2, 3, 16])
def test_threads_do_not_change_a_bit(n_threads):
    crystal = random_system(SHAPES["skewed"], PLAN["elements"], 1)
    repeats = np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3) @ crystal.cells[0]
    large = crystal.replace(
        numbers=np.tile(crystal.numbers, 64),
        positions=(crystal.positions + repeats[:, None]).reshape(-1, 3),
        cells=4.0 * crystal.cells,
        first=64 * crystal.first,
    )
    systems = joined(large, one_of_each(PLAN["elements"], 2))
    alone, shared = PlanEvaluator(PLAN), PlanEvaluator(PLAN, n_threads=n_threads)
    weights = alone.weights(COEFFICIENTS)
    same(alone.predict_sets(systems, weights), shared.predict_sets(systems, weights))
    same(alone.feature_sums(systems), shared.feature_sums(systems))
    small = one_of_each(PLAN["elements"], 3)
    same(everything(small), everything(small, n_threads=n_threads))


def test_a_batch_of_one_equals_a_batch_of_many():
    systems = one_of_each(PLAN["elements"], 4)
    evaluator = PlanEvaluator(PLAN)
    energies, forces, virial = evaluator.predict_sets(systems, evaluator.weights(COEFFICIENTS))
    sums, fixed = evaluator.feature_sums(systems)
    energy_rows, force_rows, virial_rows = evaluator.design_rows(systems)
    for s, (a, b) in enumerate(zip(systems.first[:-1], systems.first[1:], strict=True)):
        one = systems.replace(
            numbers=systems.numbers[a:b],
            positions=systems.positions[a:b],
            cells=systems.cells[s : s + 1],
            pbc=systems.pbc[s : s + 1],
            first=np.array([0, b - a]),
        )
        alone = PlanEvaluator(PLAN)
        own_energies, own_forces, own_virial = alone.predict_sets(one, alone.weights(COEFFICIENTS))
        np.testing.assert_array_equal(own_energies, energies[:, a:b])
        np.testing.assert_array_equal(own_forces, forces[:, a:b])
        np.testing.assert_array_equal(own_virial[:, 0], virial[:, s])
        own_sums, own_fixed = alone.feature_sums(one)
        np.testing.assert_array_equal(own_sums[0], sums[s])
        assert own_fixed[0] == fixed[s]
        own_rows = alone.design_rows(one)
        np.testing.assert_array_equal(own_rows[0][0], energy_rows[s])
        np.testing.assert_array_equal(own_rows[1], force_rows[3 * a : 3 * b])
        np.testing.assert_array_equal(own_rows[2], virial_rows[6 * s : 6 * s + 6])


def test_a_kept_neighbour_list_gives_the_bits_of_a_fresh_one():
    """Along a walk of small steps, strains, large jumps and jumps over the cell's faces."""
    rng = np.random.default_rng(5)
    systems = joined(
        *(random_system(SHAPES[name], PLAN["elements"], 6) for name in ("skewed", "tiny", "thin"))
    )
    keeping = PlanEvaluator(PLAN, skin=0.6)
    weights = keeping.weights(COEFFICIENTS)
    builds = []
    for step in range(40):
        positions = systems.positions + 0.02 * rng.normal(size=systems.positions.shape)
        cells = systems.cells
        if step % 3 == 0:
            strain = np.eye(3) + 0.004 * rng.normal(size=(systems.n_systems, 3, 3))
            positions = np.einsum("ni,nij->nj", positions, strain[systems.owner])
            cells = cells @ strain
        if step == 13:
            positions[0] += [0.8, 0.0, 0.0]
        if step == 23:
            positions[1] += cells[0, 1] - 2.0 * cells[0, 2]
        if step == 33:
            cells, positions = 0.9 * cells, 0.9 * positions
        systems = systems.replace(positions=positions, cells=cells)
        found = keeping.predict_sets(systems, weights)
        builds.append(keeping.neighbours.builds)
        fresh = PlanEvaluator(PLAN)
        same(found, fresh.predict_sets(systems, fresh.weights(COEFFICIENTS)))
    assert builds[-1] < 15  # it was kept most of the time
    assert builds[13] > builds[12]
    assert builds[23] > builds[22]
    assert builds[33] > builds[32]


@pytest.mark.parametrize("isa", ["x86_64_v2", "x86_64_v3", "x86_64_v4"])
def test_every_instruction_set_gives_the_same_numbers(isa, tmp_path):
    result = _in_process(isa, tmp_path)
    if "is not one of" in result.stderr:
        pytest.skip(f"this processor does not run {isa}")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == [isa]
    found = np.load(tmp_path / "found.npz")
    for name, expected in zip(found.files, everything(one_of_each(PLAN["elements"], 7)), strict=True):
        scale = max(np.abs(expected).max(initial=0.0), 1.0)
        np.testing.assert_allclose(found[name], expected, rtol=0.0, atol=1e-12 * scale)


@pytest.mark.skipif(not _engine.isa().startswith("x86"), reason="there is one instruction set here")
def test_an_unknown_instruction_set_is_refused(tmp_path):
    result = _in_process("x86_64_v9", tmp_path)
    assert result.returncode != 0
    assert "ATOMSMITH_ISA=x86_64_v9 is not one of x86_64_v2, x86_64_v3, x86_64_v4" in result.stderr


def _in_process(isa, folder):
    code = (
        "import sys, numpy as np\n"
        "from atomsmith import _engine\n"
        "from engine.test_reproducibility import PLAN, everything, one_of_each\n"
        "print(_engine.isa())\n"
        "np.savez(sys.argv[1], *everything(one_of_each(PLAN['elements'], 7)))\n"
    )
    tests = str(Path(__file__).parents[1])
    paths = os.pathsep.join([tests, *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, "-c", code, str(folder / "found.npz")],
        env=os.environ | {"ATOMSMITH_ISA": isa, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
