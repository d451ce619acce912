"""What a fit will take: extrapolated from what was timed, and no less memory than its arrays."""

import itertools
import tracemalloc

import numpy as np
import pytest

from atomsmith.errors import InputError
from atomsmith.fitting import Elimination, Evidence, KindWeights, TriangularFactor, Weights, solve
from atomsmith.fitting.estimate import (
    ELIMINATED,
    Estimate,
    estimate,
    machine_bytes,
    parent_bytes,
    peak_bytes,
    require_memory,
    resident_bytes,
)
from atomsmith.fitting.held_out import held_out_scale
from atomsmith.fitting.rows.design import BLOCK_BYTES, RowMaker
from atomsmith.fitting.rows.factor_set import FactorSet, LabelledRows
from atomsmith.fitting.rows.streaming import leaf_rows
from atomsmith.fitting.solvers.prior import Prior
from potentials import make_potential

from .test_streaming import given  # noqa: F401 - a fixture

POTENTIAL = make_potential()
EVIDENCE = Evidence()
MAKER = RowMaker(POTENTIAL.plan, Weights(), np.array([-3.0, 2.0]))


def ticking(*steps: float):
    """Clock that advances by each step in turn, and stands still in between."""
    times = itertools.accumulate(itertools.chain.from_iterable((0.0, step) for step in steps))
    return lambda: next(times)


def estimated(
    configurations, per_sample=1.0, per_block=2.0, solver=EVIDENCE, n_groups=5, **options
) -> Estimate:
    clock = ticking(per_sample, per_block)
    return estimate(MAKER, configurations, solver, n_groups=n_groups, clock=clock, **options)


def test_extrapolates_by_atoms_and_rows(given):  # noqa: F811
    many = given * 40
    found = estimated(many)
    assert found.n_configurations == len(many)
    assert found.n_atoms == sum(len(c) for c in many)
    assert found.n_features == MAKER.n_features
    sampled = [many[int(k)] for k in np.linspace(0, len(many) - 1, 12)]
    per_atom = 1.0 / sum(len(c) for c in sampled)
    per_row = 2.0 / min(TriangularFactor(MAKER.n_features).capacity, ELIMINATED)
    n = MAKER.n_features
    merging = found.n_rows / leaf_rows(n) * 0.5 * n * per_row
    expected = per_atom * found.n_atoms + per_row * found.n_rows + merging
    assert found.rows_seconds == pytest.approx(expected)
    # Twice as much work takes twice as long, and the solver has nothing to do with it.
    twice = estimated(many * 2)
    assert twice.rows_seconds == pytest.approx(2.0 * found.rows_seconds, rel=0.1)
    assert twice.solve_seconds == found.solve_seconds
    assert twice.seconds == twice.rows_seconds + twice.solve_seconds
    assert f"{twice.n_rows:,} rows" in twice.text


def test_workers_share_the_rows_and_have_memory_of_their_own(given):  # noqa: F811
    alone, shared = estimated(given * 400), estimated(given * 400, workers=4)
    assert shared.rows_seconds < 0.5 * alone.rows_seconds
    assert shared.solve_seconds == alone.solve_seconds
    assert shared.peak_bytes > alone.peak_bytes + 4 * 50 * 2**20
    assert "4 workers" in shared.text


def test_a_robust_fit_takes_two_passes_and_keeps_the_factors_of_both(given):  # noqa: F811
    plain, robust = estimated(given * 40), estimated(given * 40, passes=2)
    assert robust.rows_seconds == 2.0 * plain.rows_seconds
    assert plain.solve_seconds < robust.solve_seconds < 2.0 * plain.solve_seconds


def test_strengths_that_are_tried_take_time(given):  # noqa: F811
    """With few rows for each function, unless a single group leaves nothing out."""
    chooses = Elimination(functions=MAKER.n_features - 1)
    given_one = chooses.model_copy(update={"strength": 1e-8})
    few = [configuration.replace(forces=None, stress=None) for configuration in given]
    assert len(few) < 5 * MAKER.n_features
    for n_groups, longer in ((5, True), (1, False)):
        tried, plain = (
            estimated(few, solver=solver, n_groups=n_groups).solve_seconds for solver in (chooses, given_one)
        )
        assert (tried > 1.2 * plain) if longer else (tried == plain)
    tried, plain = (estimated(given * 40, solver=solver).solve_seconds for solver in (chooses, given_one))
    assert tried == plain


def test_memory_does_not_grow_with_the_data():
    kinds = np.array([1, 192, 6])
    sizes = [parent_bytes(500, 5, list(count * kinds), BLOCK_BYTES) for count in (3_000, 10_000, 1_000_000)]
    assert len(set(sizes)) == 1
    assert parent_bytes(1000, 5, list(3_000 * kinds), BLOCK_BYTES) > 2.0 * sizes[0]


@pytest.mark.parametrize(("n", "passes"), [(300, 1), (450, 1), (450, 2)])
def test_memory_covers_what_is_held(n, passes):
    """Factors of five groups, the solution and its calibration, as traced by the interpreter."""
    rng = np.random.default_rng(0)
    tracemalloc.start()
    sets = [FactorSet(n, 5) for _ in range(passes)]
    for factors in sets:
        for group in factors.groups:
            for kind, count in {"energy": 30, "forces": 1200, "virial": 180}.items():
                rows = rng.standard_normal((count, n))
                made = {kind: LabelledRows(rows, rows[:, 0], np.ones(count), np.ones(count))}
                group.open.fold(made, 30, count)
        factors.compact()
    groups = [list(factors.by_group(KindWeights(1.0, 1.0, 1.0)).values()) for factors in sets]
    solution = solve(sets[0].combine(KindWeights(1.0, 1.0, 1.0)))
    held_out_scale(groups[0], Prior.flat(n), solution, groups[-1])
    traced = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    expected = parent_bytes(n, 5, [150, 6000, 900], block=0, passes=passes)
    assert 0.5 * expected < traced < 1.2 * expected


def test_memory_of_this_process():
    assert 20 * 2**20 < resident_bytes() <= 1.01 * peak_bytes()


def test_a_fit_that_memory_cannot_hold_is_refused_before_it_begins(given):  # noqa: F811
    require_memory(1000, given, n_groups=5)
    fits = int(np.sqrt(machine_bytes() / 8))  # one square array fills the machine, and the solver holds many
    with pytest.raises(InputError, match=f"A fit of {fits:,} coefficients needs .* GiB of memory, and this"):
        require_memory(fits, given, n_groups=5)
