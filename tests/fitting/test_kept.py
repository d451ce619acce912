"""Factors that are kept: only new configurations are folded, with the bits of a start from nothing."""

import numpy as np
import pytest

from atomsmith.errors import InputError
from atomsmith.fitting import Weights
from atomsmith.fitting.rows.design import RowMaker
from atomsmith.fitting.rows.kept import KeptFactors

from .test_streaming import MAKER, given, require_same_bits  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("counted")


@pytest.fixture
def counted(monkeypatch) -> list[int]:
    """Numbers of configurations whose rows are made."""
    made: list[int] = []
    rows = RowMaker.rows

    def counting(self, configurations, evaluator=None):
        made.append(len(configurations))
        return rows(self, configurations, evaluator)

    monkeypatch.setattr(RowMaker, "rows", counting)
    return made


def fresh(configurations, maker=MAKER, seed=0):
    return KeptFactors().update(maker, configurations, 5, seed)


def test_only_new_configurations_are_folded(given, counted):  # noqa: F811
    kept, seen = KeptFactors(), []
    for count in (7, 7, 8, 20, 23):
        factors = kept.update(MAKER, given[:count], 5, 0, progress=seen.append)
    assert sum(counted) == 23
    assert seen[-1] == 23
    require_same_bits(factors, fresh(given))


@pytest.mark.parametrize("change", ["weights", "reference", "seed", "order", "label", "fewer"])
def test_starts_again_where_something_else_changed(given, counted, change):  # noqa: F811
    kept = KeptFactors()
    kept.update(MAKER, given[:10], 5, 0)
    counted.clear()
    maker, seed, configurations = MAKER, 0, list(given[:12])
    if change == "weights":
        maker = RowMaker(MAKER.plan, Weights(energy=3.0), MAKER.reference)
    elif change == "reference":
        maker = RowMaker(MAKER.plan, MAKER.weights, MAKER.reference + 1.0)
    elif change == "seed":
        seed = 1
    elif change == "order":
        configurations[:2] = configurations[1::-1]
    elif change == "label":
        configurations[4] = configurations[4].replace(energy=-1.0)
    else:
        configurations = configurations[:9]
    factors = kept.update(maker, configurations, 5, seed)
    assert sum(counted) == len(configurations)
    require_same_bits(factors, fresh(configurations, maker, seed))


def test_keeps_as_many_bases_as_asked(given, counted):  # noqa: F811
    other = RowMaker(MAKER.plan, MAKER.weights, MAKER.reference + 1.0)
    for entries, expected in ((1, 4 * 6), (2, 2 * 6)):
        kept = KeptFactors(entries)
        counted.clear()
        for _ in range(2):
            for maker in (MAKER, other):
                kept.update(maker, given[:6], 5, 0)
        assert sum(counted) == expected


def test_a_failed_update_leaves_nothing_half_done(given, counted):  # noqa: F811
    kept = KeptFactors()
    kept.update(MAKER, given[:6], 5, 0)
    foreign = given[0].replace(numbers=np.full(len(given[0]), 79))
    with pytest.raises(InputError, match="is Au"):
        kept.update(MAKER, [*given[:8], foreign], 5, 0)
    counted.clear()
    require_same_bits(kept.update(MAKER, given[:9], 5, 0), fresh(given[:9]))
    assert sum(counted) == 2 * 9
