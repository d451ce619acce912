import itertools
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atomsmith.errors import InputError
from atomsmith.fitting import TriangularFactor, merge_factors
from atomsmith.fitting.rows.factor import leave_one_out

from .conftest import Problem, make_problem


def test_equals_one_shot_least_squares(problem: Problem) -> None:
    factor = problem.factor
    expected, rss, *_ = np.linalg.lstsq(problem.A, problem.y, rcond=None)
    np.testing.assert_allclose(np.linalg.solve(factor.r, factor.qty), expected, rtol=1e-10)
    np.testing.assert_allclose(factor.residual_sum_of_squares, rss[0], rtol=1e-10)
    np.testing.assert_allclose(factor.y_squared, problem.y @ problem.y, rtol=1e-13)
    np.testing.assert_allclose(factor.r.T @ factor.r, problem.A.T @ problem.A, atol=1e-10)
    assert factor.n_rows == 120
    assert (np.diag(factor.r) >= 0).all()
    assert np.array_equal(factor.r, np.triu(factor.r))


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 1500), max_size=12))
def test_has_the_same_bits_however_rows_are_cut(cuts: list[int]) -> None:
    problem = make_problem(1500, 7, seed=3)
    whole, pieces = problem.factor, TriangularFactor(7)
    edges = [0, *sorted(cuts), 1500]
    for start, stop in itertools.pairwise(edges):
        pieces.fold(problem.A[start:stop], problem.y[start:stop])
    for name, values in whole.to_arrays().items():
        assert np.array_equal(values, pieces.to_arrays()[name]), name


def test_row_weights_are_those_of_weighted_least_squares(problem: Problem) -> None:
    weights = np.random.default_rng(1).uniform(0.1, 5.0, len(problem.y))
    factor = TriangularFactor(15)
    factor.fold(problem.A[:50], problem.y[:50], weights[:50])
    factor.fold(problem.A[50:], problem.y[50:], weights[50:])
    expected = np.linalg.lstsq(problem.A * weights[:, None], problem.y * weights, rcond=None)[0]
    np.testing.assert_allclose(np.linalg.solve(factor.r, factor.qty), expected, rtol=1e-10)
    doubled = TriangularFactor(15)
    doubled.fold(problem.A, problem.y, 2.0)
    np.testing.assert_allclose(doubled.r, 2.0 * problem.factor.r, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("workers", [1, 2, 5, 7])
def test_tree_merge_equals_folding_all_rows(workers: int) -> None:
    problem = make_problem(900, 11)
    parts = []
    for rows in np.array_split(np.arange(900), workers):
        parts.append(TriangularFactor(11))
        parts[-1].fold(problem.A[rows], problem.y[rows])
    before = [part.r for part in parts]
    merged = merge_factors(parts)
    np.testing.assert_allclose(merged.r, problem.factor.r, atol=1e-11)
    np.testing.assert_allclose(merged.qty, problem.factor.qty, atol=1e-11)
    np.testing.assert_allclose(
        merged.residual_sum_of_squares, problem.factor.residual_sum_of_squares, rtol=1e-11
    )
    np.testing.assert_allclose(merged.y_squared, problem.factor.y_squared, rtol=1e-13)
    assert merged.n_rows == 900
    for part, r in zip(parts, before, strict=True):
        assert np.array_equal(part.r, r)


def test_data_can_be_added_after_reading_and_after_storing(problem: Problem) -> None:
    factor = TriangularFactor(15)
    factor.fold(problem.A[:40], problem.y[:40])
    assert factor.r.shape == (15, 15)
    factor = TriangularFactor.from_arrays(factor.to_arrays())
    factor.fold(problem.A[40:], problem.y[40:])
    np.testing.assert_allclose(factor.r, problem.factor.r, atol=1e-12)
    assert factor.n_rows == 120


def test_round_trip_has_the_same_bits(problem: Problem, tmp_path) -> None:
    path = tmp_path / "factor.npz"
    np.savez(path, **problem.factor.to_arrays())
    with np.load(path, allow_pickle=False) as stored:
        read = TriangularFactor.from_arrays(dict(stored))
    for name, values in problem.factor.to_arrays().items():
        assert np.array_equal(values, read.to_arrays()[name])


def test_travels_between_processes_as_a_triangle() -> None:
    factor = make_problem(500, 40).factor.compact()
    message = pickle.dumps(factor)
    assert len(message) < 8 * 41 * 42 / 2 + 1700
    copy = pickle.loads(message)
    assert np.array_equal(copy.r, factor.r)
    copy.fold(np.ones((1, 40)), np.ones(1))
    assert (copy.n_rows, factor.n_rows) == (501, 500)


def test_fewer_rows_than_features(underdetermined: Problem) -> None:
    factor = underdetermined.factor
    np.testing.assert_allclose(factor.r.T @ factor.r, underdetermined.A.T @ underdetermined.A, atol=1e-12)
    assert factor.residual_sum_of_squares < 1e-20


def test_survives_wide_scales_better_than_normal_equations() -> None:
    rng = np.random.default_rng(0)
    A = np.vander(np.linspace(0.0, 1.0, 200), 12)
    c = rng.standard_normal(12)
    factor = TriangularFactor(12)
    factor.fold(A, A @ c)
    error = np.abs(np.linalg.solve(factor.r, factor.qty) - c).max()
    normal = np.abs(np.linalg.solve(A.T @ A, A.T @ (A @ c)) - c).max()
    assert error < 1e-7
    assert error < 1e-3 * normal


def test_restricting_equals_folding_the_columns(problem: Problem) -> None:
    columns = [7, 0, 3, 14]
    smaller = problem.factor.restrict(columns)
    direct = TriangularFactor(4)
    direct.fold(problem.A[:, columns], problem.y)
    np.testing.assert_allclose(smaller.r, direct.r, atol=1e-12)
    np.testing.assert_allclose(smaller.residual_sum_of_squares, direct.residual_sum_of_squares, rtol=1e-11)
    assert (smaller.n_rows, smaller.y_squared) == (120, problem.factor.y_squared)


def test_sum_of_squares_of_any_coefficients(problem: Problem) -> None:
    c = np.linspace(-1.0, 1.0, 15)
    expected = np.square(problem.A @ c - problem.y).sum()
    np.testing.assert_allclose(problem.factor.predicted_sum_of_squares(c), expected, rtol=1e-12)


def test_memory_does_not_grow_with_rows() -> None:
    n, peaks = 60, []
    block = np.random.default_rng(0).standard_normal((300, n))
    for n_blocks in (10, 100):
        factor = TriangularFactor(n)
        tracemalloc.start()
        for _ in range(n_blocks):
            factor.fold(block, block[:, 0])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 20_000
    assert factor.nbytes < 8 * (1 + 512 / n) * (n + 1) ** 2
    assert factor.compact().nbytes == 8 * (n + 1) ** 2


def test_reading_does_not_change_what_follows() -> None:
    problem = make_problem(1900, 11)
    read = TriangularFactor(11)
    for rows in np.array_split(np.arange(1900), 7):
        read.fold(problem.A[rows], problem.y[rows])
        assert read.r.shape == (11, 11)
        assert np.isfinite(read.y_squared + read.residual_sum_of_squares)
    for name, values in problem.factor.to_arrays().items():
        assert np.array_equal(values, read.to_arrays()[name]), name


def test_few_rows_stay_rows() -> None:
    problem = make_problem(20, 200)
    factor = problem.factor.compact()
    assert factor.nbytes == 8 * 20 * 201
    np.testing.assert_allclose(factor.scaled(3.0).r, 3.0 * problem.factor.r, atol=1e-12)
    c = np.ones(200)
    assert factor.predicted_sum_of_squares(c) == pytest.approx(np.square(problem.A @ c - problem.y).sum())
    larger = make_problem(700, 200).factor
    whole = larger.copy()
    whole.merge(factor)
    gram = larger.r.T @ larger.r + problem.A.T @ problem.A
    np.testing.assert_allclose(whole.r.T @ whole.r, gram, atol=1e-10)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_leaving_one_out_merges_all_others(count: int) -> None:
    parts = [make_problem(60, 9, seed=k).factor for k in range(count)]
    for k, rest in enumerate(leave_one_out(parts)):
        gram = sum(part.r.T @ part.r for i, part in enumerate(parts) if i != k)
        np.testing.assert_allclose(rest.r.T @ rest.r, gram, atol=1e-10)
        assert rest.n_rows == 60 * (count - 1)


@pytest.mark.parametrize(
    ("rows", "targets", "weights", "message"),
    [
        (np.ones((3, 4)), np.ones(3), None, r"\(rows, 2\)"),
        (np.ones(2), np.ones(1), None, r"\(rows, 2\)"),
        (np.ones((3, 2)), np.ones(4), None, r"expected \(3,\)"),
        (np.ones((3, 2)), np.ones(3), np.ones(2), "Row weights"),
        (np.array([[1.0, 2.0], [np.nan, 1.0]]), np.ones(2), None, "design row 1"),
        (np.ones((2, 2)), np.array([np.inf, 1.0]), None, "target 0"),
        (np.ones((2, 2)), np.ones(2), np.array([1.0, np.nan]), "row weight 1"),
    ],
)
def test_refuses_bad_rows_and_stays_unchanged(rows, targets, weights, message) -> None:
    factor = TriangularFactor(2)
    factor.fold([[1.0, 2.0]], [3.0])
    before = factor.to_arrays()
    with pytest.raises(InputError, match=message):
        factor.fold(rows, targets, weights)
    assert all(np.array_equal(before[name], values) for name, values in factor.to_arrays().items())


def test_refuses_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="at least one feature"):
        TriangularFactor(0)
    with pytest.raises(InputError, match="same basis"):
        TriangularFactor(2).merge(TriangularFactor(3))
    with pytest.raises(InputError, match="no factor"):
        merge_factors([])
    with pytest.raises(InputError, match="distinct"):
        TriangularFactor(3).restrict([0, 0])
    with pytest.raises(InputError, match="between 0 and 2"):
        TriangularFactor(3).restrict([3])
    arrays = TriangularFactor(3).to_arrays()
    with pytest.raises(InputError, match="10"):
        TriangularFactor.from_arrays({**arrays, "triangle": np.zeros(4)})
    del arrays["n_rows"]
    with pytest.raises(InputError, match="n_rows"):
        TriangularFactor.from_arrays(arrays)
