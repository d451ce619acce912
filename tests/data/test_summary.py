import json
from pathlib import Path

import numpy as np
import pytest

from atomsmith.data import Configuration, Dataset
from atomsmith.data.units import GPA_PER_EV_A3


def test_numbers_of_a_made_up_set() -> None:
    crystal = Configuration(
        np.array([14, 14]),
        np.array([[0, 0, 0], [1.5, 1.5, 1.5]]),
        3.0 * np.eye(3),
        True,
        energy=-4.0,
        forces=np.array([[3.0, 4.0, 0.0], [-3.0, -4.0, 0.0]]),
        stress=np.array([1.0, 0, 0, 0, 0, -2.0]) / GPA_PER_EV_A3,
        config_type="bulk",
    )
    lone = Configuration(np.array([1]), np.zeros((1, 3)), energy=-13.6, config_type="atom")
    summary = Dataset([crystal, crystal.replace(energy=-6.0, stress=None), lone]).summary()
    bulk, atom = summary.types
    assert (bulk.config_type, bulk.configurations, bulk.atoms, bulk.elements) == ("bulk", 2, 4, ("Si",))
    assert (bulk.energies, bulk.forces, bulk.stresses) == (2, 2, 1)
    assert bulk.energy_ev_per_atom == (-3.0, -2.0)
    assert bulk.force_rms_ev_per_angstrom == pytest.approx(np.sqrt(25.0 / 3.0))
    assert bulk.force_max_ev_per_angstrom == pytest.approx(5.0)
    assert bulk.stress_gpa == pytest.approx((-2.0, 1.0))
    assert bulk.volume_a3_per_atom == pytest.approx((13.5, 13.5))
    assert bulk.shortest_distance_angstrom == pytest.approx(1.5 * np.sqrt(3.0))
    assert (atom.shortest_distance_angstrom, atom.forces, atom.force_rms_ev_per_angstrom) == (None, 0, None)
    assert summary.total.configurations == 3
    assert summary.total.elements == ("H", "Si")
    assert summary.total.shortest_distance_angstrom == bulk.shortest_distance_angstrom
    plain = json.loads(json.dumps(summary.as_dict()))
    assert plain["types"][0]["stress_gpa"] == pytest.approx([-2.0, 1.0])


def test_the_table_can_be_read() -> None:
    lone = Configuration(np.array([1]), np.zeros((1, 3)), energy=-13.6, config_type="atom")
    text = str(Dataset([lone]).summary())
    assert "-13.600" in text
    assert "1/0/0" in text
    assert max(map(len, text.splitlines())) <= 160


def test_an_empty_set_has_a_summary() -> None:
    assert Dataset().summary().total.configurations == 0


def test_a_real_set(shared_data: Path) -> None:
    summary = Dataset.read(shared_data / "mlearn" / "Si_train.xyz.gz").summary()
    counts = {row.config_type: row.configurations for row in summary.types}
    assert counts == {"Vacancy": 57, "Surface": 12, "AIMD-NVT": 90, "Elastic": 55}
