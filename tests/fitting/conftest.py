"""Small regression problems that several test files share."""

from dataclasses import dataclass

import numpy as np
import pytest

from atomsmith.fitting import TriangularFactor
from atomsmith.systems import FloatArray


@dataclass(frozen=True, eq=False)
class Problem:
    """Targets ``y = A c + noise`` and the factor of [A | y]."""

    A: FloatArray
    y: FloatArray
    c: FloatArray

    @property
    def factor(self) -> TriangularFactor:
        factor = TriangularFactor(self.A.shape[1])
        factor.fold(self.A, self.y)
        return factor


def make_problem(
    rows: int, features: int, *, noise: float = 0.1, sparse: int | None = None, seed: int = 0
) -> Problem:
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((rows, features)) * np.logspace(0, -1, features)
    c = rng.standard_normal(features)
    if sparse is not None:
        c = np.where(np.arange(features) % (features // sparse) == 1, np.sign(c) + c, 0.0)
    return Problem(A, A @ c + noise * rng.standard_normal(rows), c)


@pytest.fixture
def problem() -> Problem:
    return make_problem(120, 15)


@pytest.fixture
def underdetermined() -> Problem:
    return make_problem(12, 30)
