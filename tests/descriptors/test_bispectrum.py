"""Settings of the bispectrum; its values are tested against LAMMPS (tests/exchange/test_snap.py)."""

import numpy as np
import pytest
from pydantic import ValidationError

from atomsmith.descriptors import BispectrumSettings, build_bispectrum


def test_elements_are_named_in_any_case():
    settings = BispectrumSettings.model_validate(
        {
            "twojmax": 2,
            "weights": {"si": 0.7},
            "radii": {"SI": 0.6},
            "inner_switch": {"si": {"centre": 1.0, "half_width": 0.2}},
        }
    )
    part = build_bispectrum(settings, [8, 14]).part
    np.testing.assert_array_equal(part["weight"], [1.0, 0.7])
    np.testing.assert_allclose(part["cutoff"], 5.0 * np.array([1.0, 1.1, 1.1, 1.2]))
    np.testing.assert_array_equal(part["inner_switch"], [[0, 0], [0, 0], [0, 0], [1.0, 0.2]])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"weights": {"Xx": 1.0}}, "not the symbol of an element"),
        ({"inner_switch": {"Xx": {"centre": 1.0, "half_width": 0.2}}}, "not the symbol of an element"),
        ({"radii": {"Si": -0.5}}, "greater than 0"),
    ],
)
def test_slips_are_refused(bad, message):
    with pytest.raises(ValidationError, match=message):
        BispectrumSettings.model_validate(bad)
