"""The parts of the demonstration; the whole takes minutes and is `make demo`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from atomsmith import Dataset, Potential, fit
from atomsmith.builders import intact_bonds
from atomsmith.cli.application import app
from atomsmith.demo import peg
from atomsmith.errors import InputError
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.learning.settings import LearnSettings
from atomsmith.reference import label
from atomsmith.reference.tblite import TBLiteSettings
from atomsmith.settings_file import load_settings

SMALL = PotentialSettings.model_validate(
    {
        "model": {
            "terms": [
                {"descriptor": {"kind": "pair", "cutoff": 4.0, "degree": 8}},
                {"descriptor": {"kind": "ace", "cutoff": 3.0, "correlation_order": 2, "degree": [0, 4]}},
            ]
        }
    }
)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    scratch = tmp_path_factory.mktemp("scratch")
    results = [label(c, TBLiteSettings(), scratch).configuration for c in peg.starts(0)]
    return Dataset(c.replace(info={"id": k}) for k, c in enumerate(results) if c is not None)


@pytest.fixture(scope="module")
def potential(labelled: Dataset) -> Potential:
    return fit(labelled, SMALL)


def test_preparation_gives_settings_that_load(tmp_path: Path) -> None:
    settings = load_settings(peg.prepare(tmp_path / "new" / "demo"), LearnSettings)
    starts = Dataset.read(settings.start.files, labelled=False)
    assert [(c.n_atoms - 3) // 7 for c in starts] == [2, 3, 4] * 4
    assert np.array_equal(starts[5].positions, peg.starts(0)[5].positions)
    before = (tmp_path / "new" / "demo" / "starts.xyz").stat().st_mtime_ns
    peg.prepare(tmp_path / "new" / "demo")
    assert (tmp_path / "new" / "demo" / "starts.xyz").stat().st_mtime_ns == before


def test_another_seed_gives_other_starts_and_another_run(tmp_path: Path) -> None:
    settings = load_settings(peg.prepare(tmp_path, seed=3), LearnSettings)
    assert settings.seed == 3
    starts = Dataset.read(settings.start.files, labelled=False)
    assert np.array_equal(starts[5].positions, peg.starts(3)[5].positions)
    assert not np.array_equal(starts[5].positions, peg.starts(0)[5].positions)
    with pytest.raises(InputError, match="this demonstration and its seed; give another folder"):
        peg.prepare(tmp_path, seed=4)


def test_changed_settings_are_kept_and_refused(tmp_path: Path) -> None:
    settings = peg.prepare(tmp_path)
    settings.write_text("mine: true\n")
    result = CliRunner().invoke(app, ["demo", "-o", str(tmp_path)])
    assert result.exit_code == 2
    assert "is not that of this demonstration" in " ".join(result.output.split())
    assert settings.read_text() == "mine: true\n"


def test_only_the_starts_are_fitted(labelled: Dataset) -> None:
    others = [c.replace(energy=1e3, info={"id": 100 + k}) for k, c in enumerate(labelled)]
    isolated = {"H": -10.0, "C": -50.0, "O": -100.0}
    first = peg.fitted_to_starts([*others, *labelled], SMALL, isolated)
    same = peg.fitted_to_starts(labelled, SMALL, isolated)
    assert np.array_equal(first.coefficients, same.coefficients)


def test_errors_vanish_on_the_potentials_own_labels(labelled: Dataset, potential: Potential) -> None:
    own = potential.predict(labelled)
    counts = np.cumsum([0, *(c.n_atoms for c in labelled)])
    relabelled = Dataset(
        c.replace(energy=float(own.energy[k]), forces=own.forces[counts[k] : counts[k + 1]])
        for k, c in enumerate(labelled)
    )
    found = peg.errors_on(relabelled, potential)
    assert found.n_configurations == 12
    assert found.forces is not None
    assert found.forces.max < 1e-9
    assert peg.errors_on(labelled, potential).forces.rmse > 0.01


def test_dynamics_tells_whole_chains_from_broken_ones(potential: Potential) -> None:
    steps = []
    short = peg.dynamics(potential, 0.02, 1, lambda progress: steps.append(progress.step))
    assert (short.chains, short.intact, short.time_ps) == (4, 4, 0.02)
    assert steps[-1] == 40
    # Attraction without end: every chain collapses or flies apart.
    wrong = Potential(
        elements=potential.elements,
        plan=potential.plan,
        features=potential.features,
        coefficients=-3.0 * potential.coefficients,
    )
    assert peg.dynamics(wrong, 0.1, 1).intact == 0


def test_independent_chains_are_not_those_of_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("_TEST_CHAINS", 2), ("_TEST_STEPS", 4), ("_TEST_BURN_IN", 2), ("_TEST_EVERY", 2)):
        monkeypatch.setattr(peg, name, value)
    test = peg.independent_test_set(tmp_path, TBLiteSettings(), 1)
    assert [c.n_atoms for c in test] == [45] * 4
    assert all(c.labels == ("energy", "forces") and intact_bonds(c.positions, 6) for c in test)
    written = (tmp_path / "test.xyz").read_text()
    peg.independent_test_set(tmp_path, TBLiteSettings(), 1)
    assert (tmp_path / "test.xyz").read_text() == written
