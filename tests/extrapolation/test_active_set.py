"""Rows of the largest volume, and ranges of features."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atomsmith.errors import InputError
from atomsmith.extrapolation import ActiveSet, FeatureRanges
from atomsmith.extrapolation.active_set import NOTHING, TOLERANCE


def tall(rows, columns, seed=0):
    """Rows whose features differ in size by orders of magnitude, and depend on each other."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(rows, columns)) @ rng.normal(size=(columns, columns))
    return mixed * 10.0 ** rng.uniform(-4.0, 2.0, columns)


def chosen(matrix, size=50):
    return ActiveSet.of(lambda: (matrix[k : k + size] for k in range(0, len(matrix), size)))


def volume(rows):
    return np.linalg.slogdet(rows)[1]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(0, 60), st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_no_exchange_of_one_row_makes_the_volume_larger(columns, more, seed, size):
    matrix = tall(columns + more, columns, seed)
    found = chosen(matrix, size)
    coefficients = np.linalg.solve((found.rows * found.scale).T, matrix.T).T
    np.testing.assert_allclose(np.abs(coefficients).max(axis=1), found.grades(matrix), rtol=1e-6)
    assert np.abs(coefficients).max() <= 1.0 + TOLERANCE + 1e-9
    # Rows of the set are rows of the data.
    scaled = matrix / found.scale
    for row in found.rows:
        assert np.abs(scaled - row).max(axis=1).min() == 0.0


def test_the_volume_is_near_the_largest_of_all():
    """Of all choices of 4 rows out of 12; the bound for exchanges of one row is far weaker."""
    matrix = tall(12, 4, 3)
    scaled = matrix / np.abs(matrix).max(axis=0)
    largest = max(volume(scaled[list(rows)]) for rows in combinations(range(12), 4))
    assert volume(chosen(matrix).rows) >= largest - np.log(1.5)


def test_a_row_outside_has_the_factor_by_which_it_would_enlarge_the_volume():
    matrix = tall(80, 6, 1)
    found = chosen(matrix)
    outside = 3.0 * matrix.sum(axis=0)
    grade = found.grades(outside[None])[0]
    assert grade > 1.5
    exchanged = [volume(np.vstack([np.delete(found.rows, j, 0), outside / found.scale])) for j in range(6)]
    assert np.log(grade) == pytest.approx(max(exchanged) - volume(found.rows), rel=1e-9)


def test_an_update_is_as_good_as_a_choice_from_everything():
    matrix = tall(300, 8, 2)
    found = chosen(matrix[:200])
    before = volume(found.rows)
    copy = found.copy()
    taken = found.add(matrix[200:])
    assert taken
    assert found.grades(matrix[200:]).max() <= 1.0 + TOLERANCE + 1e-9
    assert volume(found.rows) > before
    assert volume(copy.rows) == before
    assert found.add(matrix[200:]) == []


def test_many_exchanges_do_not_gather_rounding():
    rng = np.random.default_rng(4)
    found = ActiveSet(np.ones(20))
    for growth in np.geomspace(1e-4, 1.0, 60):
        found.add(growth * rng.normal(size=(30, 20)))
    assert found._exchanges > 500
    np.testing.assert_allclose(found._inverse @ found.rows, np.eye(20), atol=1e-7)


def test_directions_that_the_data_lack_are_outside():
    matrix = tall(40, 5, 5)
    matrix[:, 4] = 2.0 * matrix[:, 0]  # no information of its own
    found = chosen(matrix)
    assert found.grades(matrix).max() <= 1.0 + TOLERANCE + 1e-9
    other = matrix[:1].copy()
    other[0, 4] *= -1.0
    assert found.grades(other)[0] > 1e3
    zero = np.column_stack([matrix[:, :4], np.zeros(40)])
    never = chosen(zero)
    assert never.grades(zero).max() <= 1.0 + TOLERANCE + 1e-9
    assert never.grades(matrix[:1])[0] >= 1.0 / NOTHING


def test_a_grade_does_not_depend_on_company():
    matrix = tall(150, 7, 6)
    found = chosen(matrix)
    together = found.grades(matrix)
    np.testing.assert_array_equal(together[100:101], found.grades(matrix[100:101]))
    np.testing.assert_array_equal(together[93:], found.grades(matrix[93:]))


def test_saved_and_read():
    matrix = tall(60, 5, 7)
    found = chosen(matrix)
    again = ActiveSet.from_dict(found.to_dict())
    np.testing.assert_array_equal(again.rows, found.rows)
    np.testing.assert_allclose(again.grades(3.0 * matrix), found.grades(3.0 * matrix), rtol=1e-9)


def test_nothing_to_choose_from_is_refused():
    with pytest.raises(InputError, match="no features to choose"):
        ActiveSet.of(lambda: [])
    with pytest.raises(InputError, match=r"have the shape \(3, 2\)"):
        chosen(tall(9, 3)).grades(np.zeros((3, 2)))


def test_ranges_of_features():
    rows = tall(30, 4, 8)
    ranges = FeatureRanges.of(lambda: [rows[:10], rows[10:10], rows[10:]])
    np.testing.assert_array_equal(ranges.low, rows.min(axis=0))
    assert ranges.grades(rows).max() == pytest.approx(1.0)
    for feature in range(4):
        for edge, step in ((rows.max(axis=0), 1.0), (rows.min(axis=0), -1.0)):
            just = 0.5 * (ranges.low + ranges.high)
            just[feature] = edge[feature] + 1e-6 * step * np.ptp(rows[:, feature])
            assert ranges.grades(just[None])[0] == pytest.approx(1.0 + 2e-6, abs=1e-9)
            assert FeatureRanges(ranges.low, ranges.high).add(just[None]) == [0]
    wider = ranges.copy()
    assert wider.add(2.0 * rows[:3]) == [k for k in range(3) if ranges.grades(2.0 * rows[k : k + 1])[0] > 1.0]
    assert wider.grades(2.0 * rows[:3]).max() <= 1.0 + 1e-12
    again = FeatureRanges.from_dict(wider.to_dict())
    np.testing.assert_array_equal(again.high, wider.high)


def test_a_constant_feature_has_no_range():
    ranges = FeatureRanges.of(lambda: [np.array([[1.0, 5.0], [2.0, 5.0]])])
    assert ranges.grades(np.array([[1.5, 5.0]]))[0] <= 1.0
    assert ranges.grades(np.array([[1.5, 5.001]]))[0] > 1e3
