import numpy as np
import pytest

from atomsmith.errors import InputError
from atomsmith.fitting import Evidence, Prior, TriangularFactor, leave_group_out, solve

from .conftest import make_problem


@pytest.mark.parametrize("n_folds", [2, 3, 6])
def test_equals_refitting_without_each_fold(n_folds: int) -> None:
    problem = make_problem(120, 10)
    parts = np.array_split(np.arange(120), n_folds)
    folds = []
    for part in parts:
        folds.append(TriangularFactor(10))
        folds[-1].fold(problem.A[part], problem.y[part])
    found = leave_group_out(folds, Prior.flat(10), Evidence())
    squares = 0.0
    for part, solution, rmse in zip(parts, found.solutions, found.weighted_rmse, strict=True):
        rest = np.setdiff1d(np.arange(120), part)
        factor = TriangularFactor(10)
        factor.fold(problem.A[rest], problem.y[rest])
        direct = solve(factor)
        np.testing.assert_allclose(solution.coefficients, direct.coefficients, atol=1e-9)
        assert solution.n_rows == len(rest)
        residual = problem.A[part] @ direct.coefficients - problem.y[part]
        assert rmse == pytest.approx(np.sqrt(np.mean(residual**2)), rel=1e-8)
        squares += float(residual @ residual)
    assert found.score == pytest.approx(np.sqrt(squares / 120), rel=1e-8)
    assert [fold.n_rows for fold in folds] == [len(part) for part in parts]


def test_refuses_one_fold_and_empty_folds() -> None:
    factor = make_problem(20, 3).factor
    with pytest.raises(InputError, match="at least two folds"):
        leave_group_out([factor])
    with pytest.raises(InputError, match="at least two folds"):
        leave_group_out([factor, TriangularFactor(3)])
