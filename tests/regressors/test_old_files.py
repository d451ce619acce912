"""Potentials that the first version wrote hold a flag in the bispectrum for what is a regressor now."""

import json

import numpy as np

from atomsmith import Potential
from regressors.test_pairs import case, predict


def test_a_flag_for_products_is_read_as_the_quadratic_regressor(tmp_path):
    found = case("bispectrum", "quadratic")
    found.potential.save(tmp_path / "new.json")
    data = json.loads((tmp_path / "new.json").read_text())
    (part,) = (p for p in data["plan"]["parts"] if p["kind"] == "bispectrum")
    del part["regressor"]
    part["quadratic"] = True
    (tmp_path / "old.json").write_text(json.dumps(data))
    old = Potential.load(tmp_path / "old.json")
    assert old.plan["parts"][1]["regressor"] == {"kind": "quadratic"}
    assert "quadratic" not in old.plan["parts"][1]
    new = type(found)(old, found.systems)
    for one, other in zip(predict(found), predict(new), strict=True):
        np.testing.assert_array_equal(one, other)
