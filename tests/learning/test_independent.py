"""Structures that were given as a test: never fitted, judged after every round, shown in the report."""

from pathlib import Path

import numpy as np
import pytest
from ase.calculators.emt import EMT

from atomsmith import Dataset, Potential
from atomsmith.data import Store
from atomsmith.errors import InputError
from atomsmith.fitting.metrics import errors
from atomsmith.learning.loop import learn
from atomsmith.learning.results import report_of_run
from learning.runs import EVERY_STEP, learn_settings, starting_structures, triggering


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    """Six structures labelled by the reference of the runs."""
    frames = starting_structures(6)
    rng = np.random.default_rng(3)
    for atoms in frames:
        atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
        atoms.info["config_type"] = "given"
        atoms.calc = EMT()
        atoms.get_potential_energy()
    path = tmp_path / "given.xyz"
    Dataset.from_atoms(frames).write(path)
    return path


def test_given_tests_are_judged_and_never_fitted(starts: Path, tests: Path, tmp_path: Path) -> None:
    changes = {"sampling": triggering(EVERY_STEP), "selection": {"test_fraction": 0.0}}
    plain = learn(learn_settings(starts, **changes), tmp_path / "plain")
    outcome = learn(learn_settings(starts, test={"files": str(tests)}, **changes), tmp_path / "run")
    potential = Potential.load(outcome.potential)
    assert np.array_equal(potential.coefficients, Potential.load(plain.potential).coefficients)
    given = Dataset.read(tests)
    expected = errors(given, potential.predict(given)).total
    with Store.open(tmp_path / "run", read_only=True) as store:
        final, rounds = store.get("final"), store.rounds()
    assert final["test"]["total"]["forces"]["rmse"] == pytest.approx(expected.forces.rmse)
    assert all(record["test"]["total"]["n_configurations"] == 6 for record in rounds)
    tests.unlink()  # the report needs the run folder alone
    report = report_of_run(tmp_path / "run")
    (row,) = [row for row in report.errors if row.split == "test"]
    assert row.n_configurations == 6
    assert row.forces_rmse == pytest.approx(expected.forces.rmse)
    assert report.learning_curve[-1].forces_rmse == pytest.approx(expected.forces.rmse)
    assert report.learning_curve[-1].n_labels == outcome.counts["labelled"]
    assert not any("no test set" in verdict.text for verdict in report.verdicts)


def test_given_tests_may_change_and_go(starts: Path, tests: Path, tmp_path: Path) -> None:
    learn(learn_settings(starts, test={"files": str(tests)}, stop={"labels": 3}), tmp_path / "run")
    assert (tmp_path / "run" / "test.xyz").exists()
    learn(learn_settings(starts, stop={"labels": 3}), tmp_path / "run")
    assert not (tmp_path / "run" / "test.xyz").exists()


@pytest.mark.parametrize(("symbol", "labelled", "part"), [("Cu", False, "has no energy"), ("Ni", True, "Ni")])
def test_tests_that_cannot_judge_are_refused(
    symbol: str, labelled: bool, part: str, starts: Path, tmp_path: Path
) -> None:
    atoms = starting_structures(1)[0]
    atoms.symbols[:] = symbol
    if labelled:
        atoms.calc = EMT()
        atoms.get_potential_energy()
    Dataset.from_atoms([atoms], labelled=labelled).write(tmp_path / "bad.xyz")
    with pytest.raises(InputError, match=part):
        learn(learn_settings(starts, test={"files": str(tmp_path / "bad.xyz")}), tmp_path / "run")
