import json

import numpy as np
import pytest

from atomsmith.errors import InputError
from atomsmith.fitting import calibrate


@pytest.fixture
def honest() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    sigma = rng.uniform(0.1, 1.0, (20_000, 3))
    return sigma, sigma * rng.standard_normal(sigma.shape)


def test_honest_uncertainty_scores_well(honest) -> None:
    found = calibrate(*honest)
    assert found.n == 60_000
    assert found.scale_factor == pytest.approx(1.0, abs=0.01)
    assert found.ence < 0.02
    assert found.miscalibration_area < 0.005
    assert found.within_1_sigma == pytest.approx(0.6827, abs=0.01)
    assert found.within_2_sigma == pytest.approx(0.9545, abs=0.005)
    assert 0.3 < found.spearman < 1.0
    assert len(found.reliability) == 10
    assert sum(b.n for b in found.reliability) == 60_000
    for group in found.reliability:
        assert group.observed == pytest.approx(group.predicted, rel=0.05)


@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_scaled_uncertainty_is_found_out(honest, factor: float) -> None:
    sigma, errors = honest
    found = calibrate(factor * sigma, errors)
    assert found.scale_factor == pytest.approx(1.0 / factor, rel=0.01)
    assert found.ence == pytest.approx(abs(1.0 - 1.0 / factor), rel=0.05)
    assert found.miscalibration_area > 0.2
    assert calibrate(found.scale_factor * factor * sigma, errors).ence < 0.02


def test_known_values() -> None:
    found = calibrate([1.0, 2.0, 3.0, 4.0], [0.5, -3.0, 7.0, -8.0], n_bins=2)
    assert found.spearman == 1.0
    assert found.within_1_sigma == 0.25
    assert found.within_2_sigma == 0.75
    assert [(b.n, b.predicted) for b in found.reliability] == [(2, np.sqrt(2.5)), (2, np.sqrt(12.5))]
    assert found.scale_factor == pytest.approx(np.sqrt((0.25 + 2.25 + 49 / 9 + 4.0) / 4.0))


@pytest.mark.parametrize("zero", [0.0, 1e-11])
def test_forces_that_vanish_by_symmetry_are_set_aside(zero: float) -> None:
    found = calibrate([zero, 1.0, 1.0], [1e-8, 1.0, -1.0])
    assert (found.n, found.n_excluded) == (2, 1)
    assert found.scale_factor == 1.0
    assert np.isnan(found.spearman)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["spearman"] is None


@pytest.mark.parametrize(
    ("sigma", "errors", "message"),
    [
        ([1.0, 2.0], [1.0], "shape"),
        ([-1.0], [1.0], "not negative"),
        ([1.0], [np.nan], "finite"),
        ([0.0], [1.0], "above zero"),
        ([], [], "above zero"),
    ],
)
def test_refuses_bad_input(sigma, errors, message) -> None:
    with pytest.raises(InputError, match=message):
        calibrate(sigma, errors)
    with pytest.raises(InputError, match="one bin"):
        calibrate([1.0], [1.0], n_bins=0)
