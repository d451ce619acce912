"""Gaussian approximation potentials: against QUIP, and what is refused."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from numpy.testing import assert_allclose, assert_array_equal

from atomsmith import Potential
from atomsmith.errors import InputError
from atomsmith.exchange.quip.gap import read_gap

DATA = os.environ.get("ATOMSMITH_DATA")
FILES = Path(__file__).parents[1] / "data_files" / "gap"


def edited(tmp_path, old, new, count=1):
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True)
    text = (FILES / "CuAu.xml").read_text()
    assert old in text
    path = tmp_path / "CuAu.xml"
    path.write_text(text.replace(old, new, count))
    return path


def structures(numbers):
    for row in json.loads(numbers.read_text()):
        yield Atoms(row["symbols"], positions=row["positions"], cell=row["cell"], pbc=True), row


def test_a_potential_of_two_elements_agrees_with_quip(tmp_path):
    potential = read_gap(FILES / "CuAu.xml")
    potential.save(tmp_path / "potential.json")
    for atoms, row in structures(FILES / "CuAu_numbers.json"):
        atoms.calc = potential.calculator()
        assert abs(atoms.get_potential_energy() - row["energy"]) < 1e-9 * len(atoms)
        assert_allclose(atoms.get_forces(), row["forces"], atol=1e-8)
        assert_allclose(atoms.get_stress(voigt=False), row["stress"], atol=1e-9)
        forces = atoms.get_forces()
        atoms.calc = Potential.load(tmp_path / "potential.json").calculator()
        assert_array_equal(atoms.get_forces(), forces)


def test_one_density_for_all_elements(tmp_path):
    """Without species_Z all neighbours count alike, so exchanging elements moves only reference energies."""
    path = edited(tmp_path, "n_species=2 Z=79 species_Z={79 29 }", "n_species=1 Z=0")
    text = path.read_text()
    first, second = text.index("soap n_max"), text.rindex("soap n_max")
    start = text.rindex("<gpCoordinates", first, second)
    text = text[:start] + text[text.index("</gpSparse>") :]
    text = text.replace('dimensions="31"', 'dimensions="10"')
    path.write_text(text)
    points = np.loadtxt(tmp_path / "CuAu.sparseX.4").reshape(6, 31)[:, :10]
    np.savetxt(tmp_path / "CuAu.sparseX.4", points.reshape(-1))
    potential = read_gap(path)
    atoms, _ = next(structures(FILES / "CuAu_numbers.json"))
    part = potential.plan["parts"][-1]
    assert part["kind"] == "soap"
    systems = {"elements": potential.plan["elements"], "parts": [part]}
    from atomsmith.evaluator import PlanEvaluator
    from atomsmith.systems import Systems

    def sums(numbers):
        batch = Systems(
            np.array(numbers, np.int32), atoms.positions, atoms.cell.array[None], np.ones((1, 3), bool),
            np.array([0, len(atoms)]),
        )  # fmt: skip
        return PlanEvaluator(systems).feature_sums(batch)[0].reshape(2, -1).sum(axis=0)

    swapped = np.where(atoms.numbers == 29, 79, 29)
    assert_allclose(sums(swapped), sums(atoms.numbers), rtol=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<GAP_params", "<GAP_parms", "not a readable XML"),
        ('do_core="F"', 'do_core="T"', "core potential"),
        ("IP GAP label", "IP Glue label", "only 'IP GAP', alone or in a Sum with 'IP Glue' or 'IP ZBL', is"),
        ("<descriptor>distance_2b", "<descriptor>angle_3b", "angle_3b: sparse points have 1 components"),
        ("zeta=2 delta", "zeta=2 average=T delta", "soap with average=T is not supported; fit again without"),
        ("zeta=2 delta", "zeta=2 what=1 delta", "the key 'what' is not known"),
        ("l_max=2", "l_max=3", "sparse points have 31 components"),
        ("l_max=2", "l_max=two", "l_max=two is not a number"),
        ("l_max=2", "l_max=nan", "l_max=nan is not a number"),
        ("Z1=79", "Z1=Au", "Z1=Au is not a list of atomic numbers"),
        ("l_max=2", "l_max=18", "l_max=18 is not supported; it must be at most 16"),
        ('zeta="2.0000000000000000"', 'zeta="0.5"', "zeta=0.5 is not supported"),
        ("CuAu.sparseX.1", "CuAu.sparseX.4", "186 numbers, but"),
        ("CuAu.sparseX.1", "CuAu.sparseX.9", "does not exist"),
        ('n_sparseX="6"', 'n_sparseX="7"', "has 6 weights of 7"),
        ('value="-.2', 'value="-.x', "expected a number"),
        ("<theta>", "<theta>0.1 ", "2 lengths theta"),
    ],
)
def test_what_is_not_supported_is_refused_in_one_sentence(tmp_path, old, new, message):
    with pytest.raises(InputError, match=message) as error:
        read_gap(edited(tmp_path, old, new))
    assert str(tmp_path) in str(error.value)


def test_elements_must_be_named_where_the_file_does_not(tmp_path):
    many = "".join(f'<e0 Z="{z}" value="-1.0"/>' for z in range(1, 30))
    text = edited(tmp_path, '<e0 Z="29"', many + '<e0 Z="30"').read_text()
    for key in ("Z1=79", "Z2=79", "Z1=29", "Z2=29", "Z=79", "Z=29", "species_Z={79 29 }"):
        text = text.replace(key, "")
    path = tmp_path / "CuAu.xml"
    path.write_text(text)
    with pytest.raises(InputError, match="does not say which elements"):
        read_gap(path)


@pytest.mark.skipif(DATA is None, reason="ATOMSMITH_DATA is unset")
def test_the_published_example_agrees_with_quip():
    golden = Path(DATA) / "golden"
    potential = Potential.load(golden / "potentials" / "Mo" / "gap" / "soap.xml")
    assert potential.elements == (42,)
    for row in json.loads((golden / "Mo_gap_example200.json").read_text())["structures"]:
        n = row["natoms"]
        atoms = Atoms(f"Mo{n}", positions=row["positions"], cell=row["cell"], pbc=True)
        atoms.calc = potential.calculator()
        assert abs(atoms.get_potential_energy() - row["energy"]) < 1e-9 * n
        assert_allclose(atoms.get_forces(), row["forces"], atol=1e-8)
        assert_allclose(atoms.get_stress(voigt=False), row["stress"], atol=1e-9)
