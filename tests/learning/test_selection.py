"""Which of many uncertain configurations are labelled."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from atomsmith.fitting.solvers.posterior import Posterior
from atomsmith.learning.selection import repeats, select_diverse

N = 6


def posterior(seed: int = 0, kept: int = N) -> Posterior:
    rng = np.random.default_rng(seed)
    return Posterior(rng.normal(size=N), np.arange(kept), np.tril(rng.normal(size=(kept, kept))), 100.0)


def configurations(number: int, seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(number, N))


def remaining(belief: Posterior, rows: NDArray[np.float64], chosen: list[int]) -> NDArray[np.float64]:
    """Standard deviations once the energies of the chosen ones are known exactly, by conditioning."""
    covariance = rows @ belief.covariance() @ rows.T
    known = covariance[:, chosen] @ np.linalg.solve(covariance[np.ix_(chosen, chosen)], covariance[chosen])
    return np.sqrt(np.maximum(np.diag(covariance - known), 0.0))


@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_each_choice_is_the_most_uncertain_one_left(number: int, seed: int) -> None:
    belief, rows = posterior(seed), configurations(number, seed)
    chosen = select_diverse(belief, rows, np.ones(number), 4, 0.0)
    assert len(chosen) == len(set(chosen)) == min(4, number)
    assert chosen[0] == np.argmax(belief.std(rows))
    for k in range(1, len(chosen)):
        left = remaining(belief, rows, chosen[:k])
        assert left[chosen[k]] == pytest.approx(left.max(), rel=1e-6)


def test_uncertainty_counts_per_root_of_the_number_of_atoms() -> None:
    rows = configurations(2)
    belief = posterior()
    std = belief.std(rows)
    small, large = np.argsort(std)
    counts = np.ones(2)
    counts[large] = 1.1 * (std[large] / std[small]) ** 2
    assert select_diverse(belief, rows, counts, 1, 0.0) == [small]


def test_what_an_earlier_one_has_taught_is_a_repeat() -> None:
    """By the definition: std(b - b') against a fraction of std(b)."""
    belief = posterior(kept=4)
    earlier, rows = configurations(3, 5), configurations(40, 6)
    rows[:20] = earlier[np.arange(20) % 3] + np.geomspace(1e-3, 3.0, 20)[:, None] * rows[:20]
    found = repeats(belief, rows, earlier, 0.3)
    expected = [min(belief.std(row - other) for other in earlier) <= 0.3 * belief.std(row) for row in rows]
    assert list(found) == expected
    assert 0 < sum(expected) < len(expected)
    assert not repeats(belief, rows, earlier[:0], 0.3).any()


def test_a_duplicate_is_skipped() -> None:
    rows = configurations(3)
    twice = np.concatenate([rows, rows])
    chosen = select_diverse(posterior(), twice, np.ones(6), 6, 0.01)
    assert sorted(k % 3 for k in chosen) == [0, 1, 2]


def test_nearly_equal_ones_are_skipped_as_novelty_says() -> None:
    first, other = configurations(2)
    near = first + 0.02 * other
    rows = np.stack([first, near])
    assert len(select_diverse(posterior(), rows, np.ones(2), 2, 0.3)) == 1
    assert len(select_diverse(posterior(), rows, np.ones(2), 2, 0.0)) == 2


def test_no_more_than_asked_for_and_never_none() -> None:
    rows = configurations(5)
    assert len(select_diverse(posterior(), rows, np.ones(5), 2, 0.0)) == 2
    assert len(select_diverse(posterior(), np.zeros((3, N)), np.ones(3), 3, 0.3)) == 1
    assert select_diverse(posterior(), np.zeros((0, N)), np.ones(0), 3, 0.3) == []


def test_features_that_were_pruned_do_not_count() -> None:
    belief = posterior(kept=N - 1)
    rows = configurations(4)
    changed = rows.copy()
    changed[:, -1] += 100.0
    assert select_diverse(belief, rows, np.ones(4), 3, 0.1) == select_diverse(
        belief, changed, np.ones(4), 3, 0.1
    )
