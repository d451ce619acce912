"""One pass over the data: the same bits for any workers and any cuts, and no second pass."""

import itertools
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import atomsmith.fitting.rows.streaming as streaming
from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.fitting import ARD, Evidence, KindWeights, Prior, Weights, cross_validate, solve
from atomsmith.fitting.rows.design import RowMaker
from atomsmith.fitting.rows.factor_set import FactorSet
from atomsmith.fitting.rows.streaming import Workers, accumulate, deal
from engine.plans import SHAPES, random_system
from potentials import ELEMENTS, make_potential

REFERENCE = np.array([-3.0, 2.0])
POTENTIAL = make_potential()
N = len(POTENTIAL.coefficients)
# Forces of random structures are large; here all count alike.
MAKER = RowMaker(POTENTIAL.plan, Weights(force_scale_ev_per_angstrom=None), REFERENCE)


@pytest.fixture(scope="module")
def given() -> list[Configuration]:
    """Configurations labelled by the potential and noise, some labels missing."""
    rng = np.random.default_rng(4)
    found = []
    for k, name in zip(range(23), itertools.cycle(["skewed", "molecule", "thin"]), strict=False):
        systems = random_system(SHAPES[name], ELEMENTS, 100 + k)
        bare = Configuration(systems.numbers, systems.positions, systems.cells[0], systems.pbc[0])
        prediction = POTENTIAL.predict([bare])
        found.append(
            bare.replace(
                energy=None if k % 7 == 3 else float(prediction.energy[0] + 0.1 * rng.normal()),
                forces=None if k % 5 == 4 else prediction.forces + 0.1 * rng.normal(size=(len(bare), 3)),
                stress=rng.normal(size=6) if systems.pbc.all() else None,
            )
        )
    return found


@pytest.fixture
def short_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves of a few configurations, so that a few dozen fill many."""
    monkeypatch.setattr(streaming, "leaf_rows", lambda n: 120)


def accumulated(configurations: list[Configuration], n_groups: int = 3, **options) -> FactorSet:
    factors = FactorSet(N, n_groups)
    accumulate(MAKER, configurations, factors, seed=5, **options)
    return factors


def require_same_bits(first: FactorSet, second: FactorSet) -> None:
    one, other = first.to_arrays(), second.to_arrays()
    assert set(one) == set(other)
    for name, array in one.items():
        assert np.array_equal(array, other[name]), name


class Delayed(Executor):
    """Finishes what is submitted in the reverse order, as late as it can."""

    def __init__(self) -> None:
        self.most = 0
        self._waiting: list[tuple[Future, object]] = []

    def submit(self, fn, /, *args, **kwargs):
        future: Future = Future()
        self._waiting.append((future, lambda: fn(*args, **kwargs)))
        self.most = max(self.most, len(self._waiting))
        threading.Timer(0.01, self.finish).start()
        return future

    def finish(self) -> None:
        while self._waiting:
            future, call = self._waiting.pop()
            future.set_result(call())


@pytest.mark.usefixtures("short_leaves")
@pytest.mark.parametrize(("threads", "count"), [(1, 1), (2, 2), (3, 30)])
def test_threads_give_the_same_bits(given, threads, count):
    alone = accumulated(given)
    assert sum(group.closed.n_rows > 0 for group in alone.groups) == 3
    with ThreadPoolExecutor(threads) as executor:
        require_same_bits(alone, accumulated(given, workers=Workers(executor, count)))


@pytest.mark.usefixtures("short_leaves")
def test_processes_give_the_same_bits(given):
    with ProcessPoolExecutor(2) as executor:
        require_same_bits(accumulated(given), accumulated(given, workers=Workers(executor, 2)))


@pytest.mark.usefixtures("short_leaves")
def test_leaves_that_end_in_any_order_give_the_same_bits(given):
    executor = Delayed()
    require_same_bits(accumulated(given), accumulated(given, workers=Workers(executor, 3)))
    assert executor.most <= 4


@pytest.mark.usefixtures("short_leaves")
@pytest.mark.parametrize("cuts", [[1], [10], [2, 3, 4, 17, 22]])
def test_adding_later_gives_the_same_bits(given, cuts):
    grown = FactorSet(N, 3)
    for start, stop in itertools.pairwise([0, *cuts, len(given)]):
        accumulate(MAKER, given[start:stop], grown, seed=5)
        grown.combine(KindWeights(1.0, 1.0, 1.0))  # reading in between changes nothing
        grown = FactorSet.from_arrays(grown.to_arrays())
    require_same_bits(accumulated(given), grown)
    assert grown.n_configurations == len(given)


def test_groups_are_of_equal_size_and_do_not_depend_on_what_follows():
    first = list(itertools.islice(deal(5, seed=1), 50))
    assert all(sorted(first[k : k + 5]) == [0, 1, 2, 3, 4] for k in range(0, 50, 5))
    for start in (0, 3, 5, 12):
        assert list(itertools.islice(deal(5, seed=1, start=start), 10)) == first[start : start + 10]
    assert first[:10] != list(itertools.islice(deal(5, seed=2), 10))


@pytest.mark.usefixtures("short_leaves")
def test_reads_a_generator_no_further_than_it_works(given):
    drawn, done = [], []

    def source():
        for configuration in given * 4:
            drawn.append(len(drawn) - (done[-1] if done else 0))
            yield configuration

    factors = FactorSet(N, 3)
    accumulate(MAKER, source(), factors, seed=5, progress=done.append)
    require_same_bits(accumulated(given * 4), factors)
    assert done[-1] == 4 * len(given)
    assert max(drawn) < len(given) < len(drawn)


def direct(given: list[Configuration], weights: Weights) -> np.ndarray:
    """Rows and targets of all labels, weighted, as one matrix."""
    parts = []
    for part in RowMaker(POTENTIAL.plan, weights, REFERENCE).rows(given).items():
        kind, rows = part
        scale = KindWeights.of(weights)[kind] * rows.scales
        parts.append(scale[:, None] * np.column_stack([rows.rows, rows.targets]))
    return np.concatenate(parts)


@pytest.mark.usefixtures("short_leaves")
@pytest.mark.parametrize("weights", [(15.0, 1.0, 1.0), (0.3, 2.0, 5.0), (0.0, 1.0, 0.0)])
def test_weights_can_be_changed_afterwards(given, weights):
    factors = accumulated(given)
    combined = factors.combine(KindWeights(*weights))
    kinds = dict(zip(("energy", "forces", "virial"), weights, strict=True))
    matrix = direct(given, Weights(force_scale_ev_per_angstrom=None, **kinds))
    matrix = matrix[np.abs(matrix).max(axis=1) > 0.0]
    gram = matrix.T @ matrix
    np.testing.assert_allclose(combined.r.T @ combined.r, gram[:-1, :-1], atol=1e-12 * np.abs(gram).max())
    assert combined.n_rows == factors.n_rows(KindWeights(*weights))
    assert combined.y_squared == pytest.approx(gram[-1, -1])
    penalty = Prior.flat(N)
    streamed = solve(combined, penalty).coefficients
    one_shot = _ridge(matrix, solve(combined, penalty))
    np.testing.assert_allclose(streamed, one_shot, rtol=0, atol=1e-8 * np.abs(one_shot).max())


def _ridge(matrix: np.ndarray, solution) -> np.ndarray:
    """Least squares of the whole matrix at once, at the strength that a solution found."""
    strength = np.diag(np.sqrt(solution.alpha / solution.beta))
    stacked = np.vstack([matrix[:, :-1], strength])
    return np.linalg.lstsq(stacked, np.concatenate([matrix[:, -1], np.zeros(N)]), rcond=None)[0]


@pytest.mark.usefixtures("short_leaves")
def test_everything_after_the_pass_makes_no_rows(given, monkeypatch):
    factors = accumulated(given)
    monkeypatch.setattr(RowMaker, "rows", None)
    monkeypatch.setattr(RowMaker, "fold", None)
    seen = set()
    for weights in (KindWeights(15.0, 1.0, 1.0), KindWeights(100.0, 1.0, 0.0)):
        for solver in (Evidence(), ARD()):
            found = solve(factors.combine(weights), Prior.create(np.ones(N), free=[0, 1]), solver)
            fits, errors = cross_validate(factors, weights, settings=solver)
            inside = factors.errors(found.coefficients)
            assert inside.forces < errors.forces
            assert len(fits.solutions) == 3
            seen.add((inside, errors))
    assert len(seen) == 4


@pytest.mark.usefixtures("short_leaves")
def test_errors_held_out_are_those_of_fits_to_the_others(given):
    factors, weights = accumulated(given), KindWeights(15.0, 1.0, 1.0)
    fits, errors = cross_validate(factors, weights)
    dealt = list(itertools.islice(deal(3, seed=5), len(given)))
    squares = forces = 0.0
    for group, solution in enumerate(fits.solutions):
        others = accumulated([c for c, g in zip(given, dealt, strict=True) if g != group], n_groups=1)
        refitted = solve(others.combine(weights))
        np.testing.assert_allclose(
            solution.coefficients, refitted.coefficients, atol=1e-7 * np.abs(refitted.coefficients).max()
        )
        rows = MAKER.rows([c for c, g in zip(given, dealt, strict=True) if g == group])["forces"]
        squares += float(np.square(rows.rows @ solution.coefficients - rows.targets).sum())
        forces += len(rows.targets)
    assert errors.forces == pytest.approx(np.sqrt(squares / forces), rel=1e-9)


def test_refuses_data_without_weight(given):
    with pytest.raises(InputError, match="weight above zero"):
        accumulated(given).combine(KindWeights(0.0, 0.0, 0.0))
    bare = accumulated([c.without_labels() for c in given[:4]])
    with pytest.raises(InputError, match="weight above zero"):
        bare.combine(KindWeights(1.0, 1.0, 1.0))
    assert bare.errors(np.zeros(N)).energy is None


def test_an_error_in_a_leaf_is_told(given):
    with ThreadPoolExecutor(1) as executor, pytest.raises(InputError, match="is Au"):
        accumulated(
            [*given[:3], Configuration([79], np.zeros((1, 3)), energy=1.0)], workers=Workers(executor, 1)
        )


def test_compact_sets_keep_their_errors(given):
    factors = accumulated(given * 3)
    weights, before = KindWeights(15.0, 1.0, 1.0), factors.nbytes
    coefficients = solve(factors.combine(weights)).coefficients
    errors = factors.errors(coefficients)
    compact = factors.compact()
    assert compact.nbytes < before
    assert compact.errors(coefficients).forces == pytest.approx(errors.forces, rel=1e-12)
