"""Moment tensor potentials of MLIP: published ones against its engine, and the format."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.neighborlist import neighbor_list

from atomsmith import Potential
from atomsmith.errors import InputError
from atomsmith.exchange.formats import read_foreign
from atomsmith.exchange.mlip import read_mtp, write_mtp
from atomsmith.systems import Systems

DATA = os.environ.get("ATOMSMITH_DATA")

# Two species; scalars: two moments of rank 0, the squares of one and of the vector, and twice their product.
MTP = """MTP
version = 1.1.0
potential_name = small
scaling = 0.5
species_count = 2
potential_tag = 
radial_basis_type = RBChebyshev
	min_dist = 1.9
	max_dist = 4.6
	radial_basis_size = 4
	radial_funcs_count = 2
	radial_coeffs
		0-0
			{0.7, 0.4, -0.2, 0.1}
			{-0.5, 0.9, 0.1, -0.3}
		0-1
			{0.2, -0.4, 0.3, 0.1}
			{0.6, 0.1, -0.7, 0.2}
		1-0
			{0.3, -0.1, 0.2, 0.4}
			{0.5, 0.2, -0.4, 0.1}
		1-1
			{-0.1, 0.8, 0.2, -0.1}
			{0.4, 0.3, 0.2, -0.6}
alpha_moments_count = 8
alpha_index_basic_count = 5
alpha_index_basic = {{0, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}, {1, 0, 0, 0}}
alpha_index_times_count = 5
alpha_index_times = {{0, 0, 1, 5}, {1, 1, 1, 6}, {2, 2, 1, 6}, {3, 3, 1, 6}, {5, 6, 2, 7}}
alpha_scalar_moments = 5
alpha_moment_mapping = {0, 4, 5, 6, 7}
species_coeffs = {-1.5, -2.5}
moment_coeffs = {0.3, -0.2, 0.05, 0.1, -0.01}
"""


def small(tmp_path, text=MTP):
    path = tmp_path / "small.mtp"
    path.write_text(text)
    return path


def alloy():
    atoms = bulk("Ni", a=3.6, cubic=True) * (2, 2, 1)
    rng = np.random.default_rng(3)
    atoms.symbols = rng.choice(["Ni", "Al"], len(atoms))
    atoms.positions += rng.normal(scale=0.1, size=atoms.positions.shape)
    return atoms


COEFFICIENTS = {
    ("Ni", "Ni"): [[0.7, 0.4, -0.2, 0.1], [-0.5, 0.9, 0.1, -0.3]],
    ("Ni", "Al"): [[0.2, -0.4, 0.3, 0.1], [0.6, 0.1, -0.7, 0.2]],
    ("Al", "Ni"): [[0.3, -0.1, 0.2, 0.4], [0.5, 0.2, -0.4, 0.1]],
    ("Al", "Al"): [[-0.1, 0.8, 0.2, -0.1], [0.4, 0.3, 0.2, -0.6]],
}


def chebyshev(r):
    x = (2.0 * r - 6.5) / 2.7
    return np.array([1.0, x, 2.0 * x**2 - 1.0, 4.0 * x**3 - 3.0 * x])


def shapeev(r):
    """Monomials of t made orthogonal one after the other under (1 - t)^5 t."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    nodes = 0.5 * (1.0 + nodes)
    weights = 0.5 * weights * (1.0 - nodes) ** 5 * nodes
    t = (r - 1.9) / 2.7
    found, own = [], []
    for k in range(4):
        here, there = nodes**k, t**k
        for f, g in zip(found, own, strict=True):
            share = (weights * here) @ f / ((weights * f) @ f)
            here, there = here - share * f, there - share * g
        found.append(here)
        own.append(there)
    norms = [np.sqrt((weights * f) @ f * 8.0) * (k + 1) for k, f in enumerate(found)]
    return np.array(own) / norms * (1.9 / r * (1.0 - t)) ** 2


BASES = {
    "RBChebyshev": lambda r: chebyshev(r) * (r - 4.6) ** 2,
    "RBChebyshev_repuls": lambda r: chebyshev(max(r, 1.9)) * (max(r, 1.9) - 4.6) ** 2,
    "BChebyshev": chebyshev,
    "BChebyshev_repuls": lambda r: chebyshev(max(r, 1.9)),
    "RBTaylor": lambda r: r ** np.arange(4),
    "RBShapeev": shapeev,
}


def energy_by_hand(atoms, basis, *, repels=False):
    first, second, vectors = neighbor_list("ijD", atoms, 4.6)
    energy = 0.0
    for k, symbol in enumerate(atoms.symbols):
        moments, vector = np.zeros(2), np.zeros(3)
        for j, d in zip(second[first == k], vectors[first == k], strict=True):
            r = np.linalg.norm(d)
            f = np.array(COEFFICIENTS[symbol, atoms.symbols[j]]) @ basis(r) * 0.5
            moments += f
            vector += f[0] * d / r
            if repels and r < 1.9:
                energy += 1e4 * (np.exp(-10.0 * (r - 1.0)) - np.exp(-9.0))
        m, square = moments[0], vector @ vector
        energy += {"Ni": -1.5, "Al": -2.5}[symbol]
        energy += 0.3 * m - 0.2 * moments[1] + 0.05 * m * m + 0.1 * square - 0.02 * m * m * square
    return energy


@pytest.mark.parametrize("name", BASES)
def test_a_small_potential_written_out_by_hand(name, tmp_path):
    atoms = alloy()
    atoms.positions[1] += 0.45 * (atoms.positions[0] - atoms.positions[1])
    assert atoms.get_distance(0, 1) < 1.6
    path = small(tmp_path, MTP.replace("RBChebyshev", name))
    atoms.calc = read_foreign(path, elements=["Ni", "Al"]).calculator()
    repels = name == "RBChebyshev_repuls"
    energy = energy_by_hand(atoms, BASES[name], repels=repels)
    assert atoms.get_potential_energy() == pytest.approx(energy, rel=1e-12)
    force, moved, step = atoms.get_forces()[1, 0], [atoms.copy(), atoms.copy()], 1e-5
    for sign, other in zip((-1.0, 1.0), moved, strict=True):
        other.positions[1, 0] += sign * step
    down, up = (energy_by_hand(other, BASES[name], repels=repels) for other in moved)
    assert force == pytest.approx(-(up - down) / (2.0 * step), rel=1e-7, abs=1e-6)


def test_newer_files_call_keys_otherwise(tmp_path):
    plain = read_mtp(small(tmp_path), ["Ni", "Al"])
    text = MTP.replace("min_dist", "min_val").replace("max_dist", "max_val")
    text = text.replace("radial_basis_size", "basis_size").replace("\tmin_val", "\tscaling = 3.0\n\tmin_val")
    other = read_mtp(small(tmp_path, text), ["Ni", "Al"])
    for own, same in zip(plain.plan["parts"][1:], other.plan["parts"][1:], strict=True):
        np.testing.assert_array_equal(same["radial"]["cutoff"], own["radial"]["cutoff"])
        np.testing.assert_array_equal(same["radial"]["coefficients"], 3.0 * own["radial"]["coefficients"])


@pytest.mark.parametrize("name", ["RBShapeev", "RBChebyshev_repuls"])
def test_other_radial_functions_are_saved_and_not_written(name, tmp_path):
    potential = read_mtp(small(tmp_path, MTP.replace("RBChebyshev", name)), ["Ni", "Al"])
    potential.save(tmp_path / "p.json")
    atoms = alloy()
    forces = []
    for one in (potential, Potential.load(tmp_path / "p.json")):
        atoms.calc = one.calculator()
        forces.append(atoms.get_forces())
    np.testing.assert_array_equal(*forces)
    with pytest.raises(InputError, match=r"not written|holds only"):
        write_mtp(potential, tmp_path / "again.mtp")


def test_written_files_and_json_give_the_same_forces(tmp_path):
    potential = read_mtp(small(tmp_path), ["Ni", "Al"])
    write_mtp(potential, tmp_path / "again.mtp")
    potential.save(tmp_path / "potential.json")
    atoms = alloy()
    atoms.calc = potential.calculator()
    forces, stress = atoms.get_forces(), atoms.get_stress()
    for other in (
        read_mtp(tmp_path / "again.mtp", ["Ni", "Al"]),
        Potential.load(tmp_path / "potential.json"),
    ):
        atoms.calc = other.calculator()
        np.testing.assert_array_equal(atoms.get_forces(), forces)
        np.testing.assert_array_equal(atoms.get_stress(), stress)


def test_what_the_format_cannot_hold(tmp_path):
    potential = read_mtp(small(tmp_path), ["Ni", "Al"])
    reference, part = potential.plan["parts"]
    for more, message in (
        ({"regressor": {"kind": "kernel"}}, "has the regressor kernel"),
        ({"global_features": {}}, "features of a whole crystal"),
        ({"first_feature": np.array([0, 5])}, "coefficients that all species share"),
    ):
        plan = potential.plan | {"parts": [reference, part | more]}
        bad = Potential(potential.elements, plan, potential.features, potential.coefficients)
        with pytest.raises(InputError, match=message):
            write_mtp(bad, tmp_path / "bad.mtp")


def test_an_untrained_file_has_coefficients_of_zero(tmp_path):
    lines = [line for line in MTP.splitlines() if not line.startswith(("species_coeffs", "moment_coeffs"))]
    potential = read_mtp(small(tmp_path, "\n".join(lines) + "\n"), ["Ni", "Al"])
    assert not potential.coefficients.any()
    assert potential.features.order.tolist() == [0, 0, 1, 1, 2, 2, 4]
    assert potential.features.degree.tolist() == [0, 0, 2, 6, 4, 6, 10]


def test_an_untrained_file_without_radial_coefficients(tmp_path):
    """As MLIP brings them: they are drawn when it trains."""
    text = "\n".join(
        line for line in MTP.splitlines() if not line.startswith(("species_coeffs", "moment_coeffs", "\t\t"))
    )
    text = text.replace("\tradial_coeffs\n", "").replace("scaling = 0.5\n", "")
    assert "0.7" not in text
    potential = read_mtp(small(tmp_path, text + "\n"), ["Ni", "Al"])
    assert not potential.coefficients.any()
    radial = potential.plan["parts"][1]["radial"]
    assert radial["coefficients"].tolist() == [[[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]] * 4
    write_mtp(potential, tmp_path / "again.mtp")
    again = read_mtp(tmp_path / "again.mtp", ["Ni", "Al"]).plan["parts"][1]["radial"]
    np.testing.assert_array_equal(again["coefficients"], radial["coefficients"])


def test_other_ways_to_write_the_same(tmp_path):
    """Ends of lines, blanks and numbers as other programs and hands write them."""
    text = MTP.replace("{0.7, 0.4, -0.2, 0.1}", "{ 7.E-1,.4 , -.2,+1e-01 }").replace("}, {", "},{")
    text = text.replace("{0, 4, 5, 6, 7}", "{0,4,5,6,7}").replace("\n", " \r\n").replace(" = ", "=")
    path = tmp_path / "other.mtp"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    plain, other = read_mtp(small(tmp_path), ["Ni", "Al"]), read_mtp(path, ["Ni", "Al"])
    np.testing.assert_array_equal(other.coefficients, plain.coefficients)
    for key in ("basic", "products", "weight", "scalars"):
        np.testing.assert_array_equal(other.plan["parts"][1][key], plain.plan["parts"][1][key])
    radial = [one.plan["parts"][1]["radial"]["coefficients"] for one in (other, plain)]
    np.testing.assert_array_equal(*radial)


def test_a_file_of_mlip_3(tmp_path):
    """Types of the data for species, and behind the potential the active set, which is not text."""
    text = MTP
    for old, new in (("0-0", "7-7"), ("0-1", "7-3"), ("1-0", "3-7"), ("1-1", "3-3")):
        text = text.replace(f"\t\t{old}\n", f"\t\t{new}\n")
    active = b"energy_weight 1.0\nweight_scaling 2\n#" + np.arange(-2.0, 2.0, 0.01).tobytes() + b"\n#\n0 0\n"
    path = tmp_path / "small.almtp"
    path.write_bytes(text.encode() + b"\n#MVS_v1.1\n" + active)
    plain, other = read_mtp(small(tmp_path), ["Ni", "Al"]), read_foreign(path, elements=["Ni", "Al"])
    atoms = alloy()
    energies, forces = [], []
    for potential in (plain, other):
        atoms.calc = potential.calculator()
        energies.append(atoms.get_potential_energy())
        forces.append(atoms.get_forces())
    assert energies[0] == energies[1]
    np.testing.assert_array_equal(*forces)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "\tradial_funcs_count",
            "magnetic_basis_type = BChebyshev\n\tradial_funcs_count",
            "magnetic moments",
        ),
        ("MTP\n", "MPT\n", "first line is not 'MTP'"),
        ("1.1.0", "2.0.0", "version 2.0.0 is not known"),
        ("RBChebyshev", "RBBessel", "radial_basis_type is RBBessel; known are RBChebyshev, "),
        ("min_dist = 1.9", "min_dist = 4.9", "min_dist is 4.9; expected 0 or more and less than max_dist"),
        ("scaling = 0.5", "scaling = half", "'scaling' is 'half', expected a number"),
        ("species_count = 2", "species_count = two", "expected a whole number"),
        ("{0.2, -0.4, 0.3, 0.1}", "{0.2, -0.4, 0.3}", "species 0-1 are missing"),
        ("{5, 6, 2, 7}", "{5, 7, 2, 6}", "before it is made"),
        ("alpha_index_times_count = 5", "alpha_index_times_count = 6", "has 5 values, expected 6"),
        ("moment_coeffs = {0.3,", "moment_coeffs = {", "has 4 values, expected 5"),
        ("{-1.5, -2.5}", "{-1.5; -2.5}", "not a list of numbers"),
        ("{-1.5, -2.5}", "{-1.5, nan}", "'species_coeffs' is not a list of numbers"),
        ("{-1.5, -2.5}", "{-1.5, -2.5", "'species_coeffs' is not a list of numbers"),
        ("{0, 0, 1, 5}, ", "{0, 0, 1}, ", "'alpha_index_times' is not a list of numbers"),
        ("alpha_scalar_moments = 5\n", "", "'alpha_scalar_moments' is missing"),
        ("potential_tag = ", "what is this", "is not understood"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(tmp_path, old, new, message):
    assert old in MTP
    with pytest.raises(InputError, match=message):
        read_mtp(small(tmp_path, MTP.replace(old, new)), ["Ni", "Al"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mapping = {0, 4,", "mapping = {0, 0,", "listed twice among the scalars"),
    ],
)
def test_what_only_the_engine_finds_is_a_sentence_too(tmp_path, old, new, message):
    assert old in MTP
    with pytest.raises(InputError, match=rf"small.mtp: .*{message}"):
        read_foreign(small(tmp_path, MTP.replace(old, new)), elements=["Ni", "Al"])


def test_elements_must_be_named(tmp_path):
    with pytest.raises(InputError, match="does not name the elements of its 2 species, and none were given"):
        Potential.load(small(tmp_path))


@pytest.mark.skipif(DATA is None, reason="ATOMSMITH_DATA is unset")
@pytest.mark.parametrize("element", ["Si", "Mo", "Cu"])
def test_published_potentials_agree_with_mlip(element):
    golden = Path(DATA) / "golden"
    data = json.loads((golden / f"{element}_mtp.json").read_text())
    potential = read_mtp(golden / "potentials" / element / "mtp" / "fitted.mtp", [element])
    for entry in data["structures"]:
        n = entry["natoms"]
        systems = Systems(
            np.full(n, potential.elements[0], np.int32),
            np.array(entry["positions"]),
            np.array([entry["cell"]]),
            np.ones((1, 3), bool),
            np.array([0, n]),
        )
        prediction = potential.evaluator().predict(systems)
        assert abs(prediction.energy[0] - entry["energy"]) < 1e-9 * n
        np.testing.assert_allclose(prediction.forces, entry["forces"], atol=1e-8)
        stress = -prediction.virial[0] / abs(np.linalg.det(entry["cell"]))
        np.testing.assert_allclose(stress, entry["stress"], rtol=1e-6, atol=1e-8)
