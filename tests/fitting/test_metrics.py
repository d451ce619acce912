import json

import numpy as np
import pytest
from rich.console import Console

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.fitting import errors
from atomsmith.prediction import Prediction

CELL = np.diag([2.0, 4.0, 5.0])


def configurations() -> list[Configuration]:
    def make(n: int, **fields) -> Configuration:
        positions = np.arange(3.0 * n).reshape(n, 3) * 0.7
        return Configuration(
            numbers=np.full(n, 14), positions=positions, cell=CELL, pbc=np.ones(3, bool), **fields
        )

    return [
        make(2, energy=-2.0, forces=np.zeros((2, 3)), stress=np.zeros(6), config_type="bulk"),
        make(1, energy=-1.0, config_type="gas"),
        make(2, forces=np.ones((2, 3)), config_type="bulk"),
    ]


def prediction() -> Prediction:
    forces = np.zeros((5, 3))
    forces[0, 0] = 0.6
    virial = np.zeros((3, 3, 3))
    virial[0] = -np.diag([0.4, 0.0, 0.0])
    return Prediction(np.array([-1.98, -1.03, 99.0]), np.zeros(5), forces, virial)


def test_statistics_by_hand() -> None:
    report = errors(configurations(), prediction())
    total, bulk, gas = report.total, report.by_type["bulk"], report.by_type["gas"]
    assert list(report.by_type) == ["bulk", "gas"]
    assert (total.n_configurations, total.n_atoms) == (3, 5)
    assert (total.energy.n, total.energy.mae) == (2, pytest.approx(20.0))
    assert total.energy.rmse == pytest.approx(np.sqrt(500.0))
    assert total.energy.max == pytest.approx(30.0)
    assert (total.energy.mean, total.energy.scatter) == (pytest.approx(-10.0), pytest.approx(20.0))
    assert (bulk.energy.mae, gas.energy.mae) == (pytest.approx(10.0), pytest.approx(30.0))
    assert (bulk.forces.n, bulk.forces.mae, bulk.forces.max) == (12, pytest.approx(6.6 / 12), 1.0)
    assert bulk.forces.rmse == pytest.approx(np.sqrt(6.36 / 12))
    assert gas.forces is None
    assert gas.stress is None
    # 0.4 eV in 40 cubic angstrom in one of six components
    assert bulk.stress.max == pytest.approx(1.602176634)
    assert bulk.stress.mae == pytest.approx(1.602176634 / 6)


def test_plain_values_and_table() -> None:
    report = errors(configurations(), prediction())
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["units"]["energy"] == "meV/atom"
    assert data["by_type"]["gas"]["forces"] is None
    console = Console(width=120, record=True, quiet=True)
    console.print(report.table("Errors"))
    console = Console(width=120)
    with console.capture() as captured:
        console.print(report.table("Errors"))
    lines = captured.get().splitlines()
    gas = next(line for line in lines if "gas" in line)
    assert "30.000" in gas
    assert "–" in gas
    assert "20.000" in next(line for line in lines if " all " in line)


def test_refuses_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="no configuration"):
        errors([], prediction())
    with pytest.raises(InputError, match="expected 2 configurations of 3 atoms"):
        errors(configurations()[:2], prediction())
    broken = prediction()
    broken.energy[1] = np.nan
    with pytest.raises(InputError, match="configuration 1 \\(gas\\)"):
        errors(configurations(), broken)
