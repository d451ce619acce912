"""Report data survive a JSON file, and bad files are refused in one sentence."""

import json
from pathlib import Path

import numpy as np
import pytest

from atomsmith.errors import InputError
from atomsmith.report import (
    Coefficients,
    PairCurve,
    Parity,
    ReportData,
    Structure,
    Trajectory,
    load_report_data,
    save_report_data,
)
from atomsmith.report.storage import from_json, to_json


def test_round_trip_keeps_every_section(learning_data: ReportData, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    save_report_data(learning_data, path)
    again = load_report_data(path)
    assert to_json(again) == to_json(learning_data)
    before, after = learning_data.trajectories[0], again.trajectories[0]
    np.testing.assert_allclose(after.largest_f, before.largest_f, rtol=1e-8)
    assert np.isnan(before.largest_f).any()
    np.testing.assert_array_equal(again.structures[3].numbers, learning_data.structures[3].numbers)
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_json_is_strict(learning_data: ReportData) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    json.loads(to_json(learning_data), parse_constant=refuse)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"title": "x", "eror": []}', ("key 'eror'", "Unexpected")),
        ("{}", ("key 'title'", "required")),
        ("[", ("my.json", "JSON")),
        ('{"title": "x", "timings": [{"part": "fit"}]}', ("key 'timings.0.seconds'", "required")),
        (
            '{"title": "x", "parity": [{"quantity": "energy", "split": "test", "reference": [1],'
            ' "predicted": [1, 2]}]}',
            ("key 'parity.0'", "predicted has 2 values but reference has 1"),
        ),
        (
            '{"title": "x", "errors": [{"config_type": "a", "split": "val", "n_configurations": 1}]}',
            ("split",),
        ),
    ],
)
def test_bad_json_names_the_key(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        from_json(text, "my.json")
    assert all(word in str(caught.value) for word in ("my.json", *words))
    assert "\n" not in str(caught.value)


def test_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read \(No such file"):
        load_report_data(tmp_path / "none.json")


def test_records_check_their_shapes() -> None:
    with pytest.raises(ValueError, match="largest_f has 3 values but step has 2"):
        Trajectory(0, 0, np.arange(2.0), np.zeros(3))
    with pytest.raises(ValueError, match="runs from 0 to 2 but there are 2 config_types"):
        Parity("energy", "test", np.zeros(3), np.zeros(3), np.arange(3), ("a", "b"))
    with pytest.raises(ValueError, match="Al-Si does not increase"):
        PairCurve(("Al", "Si"), np.array([1.0, 1.0]), np.zeros(2))
    with pytest.raises(ValueError, match=r"structure 'w' have shape \(1, 3\); expected \(2, 3\)"):
        Structure("w", np.array([1, 8]), np.zeros((1, 3)))
    with pytest.raises(ValueError, match="degree has 1 values but order has 2"):
        Coefficients(np.array([1, 2]), np.array([1]), np.ones(2))


def test_missing_force_is_the_derivative() -> None:
    r = np.linspace(1.0, 3.0, 2001)
    curve = PairCurve(("H", "H"), r, 1.0 / r)
    assert curve.force is not None
    np.testing.assert_allclose(curve.force[1:-1], 1.0 / r[1:-1] ** 2, rtol=1e-5)
