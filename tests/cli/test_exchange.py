"""`atomsmith import` and `atomsmith export` as users meet them."""

import numpy as np
import pytest
from ase.build import molecule
from typer.testing import CliRunner

from atomsmith import Potential
from atomsmith.cli.application import app
from exchange.test_mlip import alloy
from exchange.test_mlip import small as small_mtp
from exchange.test_n2p2 import small as small_n2p2
from exchange.test_snap import PARAMETERS, made_up

runner = CliRunner(env={"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"})


def forces(path, **options):
    atoms = alloy()
    atoms.calc = Potential.load(path).calculator()
    return atoms.get_forces()


def test_snap_there_and_back(tmp_path):
    coefficients, parameters = made_up(tmp_path, PARAMETERS["odd 2J"])
    parameters = parameters.rename(tmp_path / "elsewhere.txt")
    target = tmp_path / "potential.json"
    result = runner.invoke(app, ["import", str(coefficients), str(parameters), "-o", str(target)])
    assert result.exit_code == 0, result.stderr
    assert "written to" in result.stdout
    written = tmp_path / "again.snapcoeff"
    assert runner.invoke(app, ["export", str(target), "-o", str(written)]).exit_code == 0
    np.testing.assert_allclose(forces(written), forces(target), rtol=1e-10)


def test_mtp_there_and_back(tmp_path):
    target, written = tmp_path / "potential.json", tmp_path / "again.mtp"
    arguments = ["--elements", "Ni", "--elements", "Al", "-o", str(target)]
    assert runner.invoke(app, ["import", str(small_mtp(tmp_path)), *arguments]).exit_code == 0
    assert runner.invoke(app, ["export", str(target), "-o", str(written)]).exit_code == 0
    again = tmp_path / "again.json"
    arguments[-1] = str(again)
    assert runner.invoke(app, ["import", str(written), *arguments]).exit_code == 0
    np.testing.assert_array_equal(forces(again), forces(target))


@pytest.mark.parametrize("exported", [[], ["--cflength", "1.0", "--cfenergy", "1.0"]])
def test_n2p2_there_and_back(tmp_path, exported):
    settings, written = small_n2p2(tmp_path), tmp_path / "again" / "input.nn"
    target, weights = tmp_path / "potential.json", sorted(tmp_path.glob("weights.*.data"))
    units = ["--cflength", "1.0", "--cfenergy", "1.0"]
    arguments = [settings, *weights, tmp_path / "scaling.data", "-o", target, *units]
    result = runner.invoke(app, ["import", *map(str, arguments)])
    assert result.exit_code == 0, result.stderr
    assert runner.invoke(app, ["export", str(target), "-o", str(written), *exported]).exit_code == 0
    again = tmp_path / "again.json"
    assert runner.invoke(app, ["import", str(written), "-o", str(again), *exported]).exit_code == 0
    atoms = molecule("H2O")
    found = []
    for path in (target, again):
        atoms.calc = Potential.load(path).calculator()
        found.append(atoms.get_forces())
    np.testing.assert_allclose(*found, rtol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["import", "missing.snapcoeff"], "missing.snapcoeff does not exist"),
        (["import", "some.txt"], "the suffix '.txt' is that of no known format"),
        (["import", "made.snapparam"], "made.snapparam: belongs to a .snapcoeff (SNAP); name that one first"),
        (["import", "small.mtp"], "does not name the elements of its 2 species"),
        (["import", "small.mtp", "small.mtp", "--elements", "Ni"], "takes 1 file, found 2"),
        (["import", "made.snapcoeff", "--elements", "Ni"], "names its elements itself"),
        (["import", "made.snapcoeff", "--cflength", "1"], "has fixed units; leave cflength out"),
        (
            ["export", "made.snapcoeff", "-o", "made"],
            "written are .yace (PACE), .mtp (MLIP), .nn (n2p2), .snapc",
        ),
        (["export", "made.snapcoeff", "-o", "new.snapcoeff", "--cfenergy", "1"], "leave cfenergy out"),
        (["import", "none/input.nn", "--cflength", "-1"], "cflength is -1, but should be a positive number"),
        (["export", "made.snapcoeff", "-o", "made.xml"], "can be read, but not written"),
        (["export", "made.snapcoeff", "-o", "made.yace"], "cannot hold bispectrum"),
        (["export", "made.snapcoeff", "-o", "new/folder/made.yace"], "cannot hold bispectrum"),
        (["export", "made.snapcoeff", "-o", "made.mtp"], "holds only reference energies and moment tensors"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    small_mtp(tmp_path)
    made_up(tmp_path, PARAMETERS["odd 2J"])
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / "potential.json").exists()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_files_with_numbers_that_are_none_are_refused(tmp_path, value):
    made, _ = made_up(tmp_path, PARAMETERS["odd 2J"])
    *lines, _ = made.read_text().splitlines()
    made.write_text("\n".join([*lines, value]))
    result = runner.invoke(app, ["import", str(made), "-o", str(tmp_path / "p.json")])
    assert result.exit_code == 2
    assert "its coefficients hold NaN or infinity" in result.stderr
    assert not (tmp_path / "p.json").exists()
