"""Reports made once for all tests of this folder."""

from dataclasses import replace
from pathlib import Path

import pytest

from atomsmith.report import ReportData, write_report

from .synthetic import fit_report, learning_report


@pytest.fixture(scope="session")
def learning_data() -> ReportData:
    data = learning_report(n_rounds=2, n_structures=20)
    # Figures take most of the time: one panel of the training set and one calibration will do.
    return replace(data, parity=data.parity[2:], calibration=data.calibration[:1])


@pytest.fixture(scope="session")
def learning_page(learning_data: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(learning_data, tmp_path_factory.mktemp("learning"))


@pytest.fixture(scope="session")
def fit_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(fit_report(), tmp_path_factory.mktemp("fit"))
