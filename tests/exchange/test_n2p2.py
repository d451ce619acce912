"""Potentials of n2p2: against its own forces, against its formulas by hand, there and back, bad files."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from atomsmith import Potential
from atomsmith.elements import number_of
from atomsmith.errors import InputError
from atomsmith.exchange.n2p2.reading import BOHR_PER_ANGSTROM, HARTREE_PER_EV, read_n2p2
from atomsmith.exchange.n2p2.writing import write_n2p2
from atomsmith.systems import Systems
from oracle.ace_numpy import neighbours
from oracle.environments import crystal
from oracle.symmetry_numpy import symmetry_features

DATA = os.environ.get("ATOMSMITH_DATA")

ACTIVATIONS = {
    "l": lambda x: x,
    "t": np.tanh,
    "s": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "p": lambda x: np.log1p(np.exp(x)),
    "r": lambda x: np.maximum(x, 0.0),
    "g": lambda x: np.exp(-0.5 * x**2),
    "c": np.cos,
    "S": lambda x: 1.0 - 1.0 / (1.0 + np.exp(-x)),
    "e": lambda x: np.exp(-x),
    "h": lambda x: x**2,
}

# Functions of hydrogen (0) and oxygen (1) in bohr, in n2p2's order: by type, cutoff, eta, shift, zeta,
# lambda, elements; compact ones by type, core, elements, upper and lower ends. (type, first, second, cutoff,
# eta, shift, lambda, zeta, core, lower end, angles in degrees); -1: all elements.
FUNCTIONS = (
    (
        (2, 0, -1, 6.0, 0.05, 0.0, 0.0, 1.0),
        (2, 1, -1, 6.0, 0.05, 0.0, 0.0, 1.0),
        (2, 1, -1, 6.0, 0.05, 1.5, 0.0, 1.0),
        (2, 0, -1, 6.0, 0.2, 0.5, 0.0, 1.0),
        (3, 0, 0, 6.0, 0.01, 0.0, -1.0, 1.0),
        (3, 0, 1, 6.0, 0.01, 0.0, -1.0, 1.0),
        (3, 0, 1, 6.0, 0.01, 0.0, 1.0, 1.0),
        (3, 1, 1, 6.0, 0.01, 0.0, -1.0, 4.0),
        (9, 0, 1, 5.0, 0.03, 0.0, 1.0, 2.0),
        (12, -1, -1, 6.0, 0.1, 0.0, 0.0, 1.0),
        (13, -1, -1, 5.5, 0.02, 0.0, 1.0, 2.0),
        (20, 0, -1, 5.0, 0.0, 0.0, 0.0, 1.0, 5, -5.0, 0.0, 0.0),
        (20, 1, -1, 5.0, 0.0, 0.0, 0.0, 1.0, 2, 1.0, 0.0, 0.0),
        (20, 1, -1, 6.0, 0.0, 0.0, 0.0, 1.0, 2, 0.5, 0.0, 0.0),
        (21, 0, 1, 6.0, 0.0, 0.0, 0.0, 1.0, 10, 0.0, 60.0, 150.0),
        (21, 0, 1, 6.0, 0.0, 0.0, 0.0, 1.0, 10, 0.0, 90.0, 270.0),
        (24, -1, -1, 6.0, 0.0, 0.0, 0.0, 1.0, 1, 0.5, -60.0, 60.0),
    ),
    (
        (2, 0, -1, 5.0, 0.3, 0.0, 0.0, 1.0),
        (2, 0, -1, 6.0, 0.1, 0.0, 0.0, 1.0),
        (3, 0, 1, 6.0, 0.02, 0.7, 1.0, 2.0),
        (9, 0, 0, 6.0, 0.0, 0.0, -1.0, 1.5),
        (22, 0, 1, 5.5, 0.0, 0.0, 0.0, 1.0, 3, 1.0, 30.0, 100.0),
        (23, -1, -1, 6.0, 0.0, 0.0, 0.0, 1.0, 12, -6.0, 0.0, 0.0),
        (25, -1, -1, 5.0, 0.0, 0.0, 0.0, 1.0, 4, 0.0, 45.0, 135.0),
    ),
)
SYMBOLS = ("H", "O")
NUMBERS = (1, 8)


CORES = {1: "p1", 2: "p2", 3: "p3", 4: "p4", 5: "e", 10: "p2a", 12: "p4a"}


def line_of(centre, function):
    kind, first, second, cutoff, eta, shift, sign, zeta, *compact = function
    # n2p2 sorts the two elements itself.
    around = [SYMBOLS[z] for z in (second, first) if z >= 0]
    if compact:
        core, low, *angles = compact
        ends = [low, cutoff, *(angles if kind in (21, 22, 24, 25) else [])]
        return " ".join(
            ["symfunction_short", SYMBOLS[centre], str(kind), *around, *map(str, ends), CORES[core]]
        )
    values = {2: (eta, shift, cutoff), 12: (eta, shift, cutoff), 13: (eta, shift, sign, zeta, cutoff)}
    words = values.get(kind, (eta, sign, zeta, cutoff, *([shift] if shift else [])))
    return " ".join(["symfunction_short", SYMBOLS[centre], str(kind), *around, *map(str, words)])


def statistics(rng):
    """Smallest, largest, mean, sigma of every function of every element."""
    found = []
    for n in map(len, FUNCTIONS):
        low = rng.uniform(0.0, 0.1, n)
        found.append(
            np.stack([low, low + rng.uniform(0.5, 2.0, n), low + 0.3, rng.uniform(0.1, 1.0, n)], axis=1)
        )
    return found


def networks(rng, nodes, letters):
    """Per element: (letter, weights (out, in), bias) of every layer."""
    found = []
    for functions, own, activations in zip(FUNCTIONS, nodes, letters, strict=True):
        sizes = [len(functions), *own, 1]
        found.append(
            [
                (letter, rng.normal(size=(b, a)) / np.sqrt(a), 0.3 * rng.normal(size=b))
                for a, b, letter in zip(sizes, sizes[1:], activations, strict=False)
            ]
        )
    return found


def write_files(folder, keywords, scaling, layers, seed=0):
    rng = np.random.default_rng(seed)
    functions = [line_of(z, f) for z, own in enumerate(FUNCTIONS) for f in own]
    lines = [
        "# a comment",
        "number_of_elements 2",
        "elements O H ! not in order",
        "atom_energy O -75.0",
        "atom_energy H -0.5   # hartree",
        "cutoff_type 2 0.0" if "cutoff_type" not in " ".join(keywords) else "",
        *keywords,
        *rng.permutation(functions),
        "epochs 10",
    ]
    (folder / "input.nn").write_text("\n".join(lines) + "\n")
    rows = [
        f"{z} {k} " + " ".join(repr(float(v)) for v in row)
        for z, table in enumerate(scaling, 1)
        for k, row in enumerate(table, 1)
    ]
    (folder / "scaling.data").write_text("# header\n" + "\n".join(rows) + "\n")
    for number, own in zip(NUMBERS, layers, strict=True):
        values = np.concatenate([np.concatenate([w.T.ravel(), b]) for _, w, b in own])
        text = "# header\n" + "".join(f"{float(v)!r} a 1 0 1 1 1\n" for v in values)
        (folder / f"weights.{number:03d}.data").write_text(text)
    return folder / "input.nn"


def energy_by_hand(systems, cutoff, inner, scaled, layers, share, energy_unit):
    """Sum of the networks' outputs, in the files' units, for positions in bohr."""
    centres = []
    for own in FUNCTIONS:
        columns = list(zip(*((*f, 0, 0.0, 0.0, 0.0)[:12] for f in own), strict=True))
        kind = np.array(columns[0])
        names = ("first", "second", "cutoff", "eta", "shift", "lambda", "zeta", "core", "low")
        centres.append(
            {
                "order": np.where(np.isin(kind, (2, 12, 20, 23)), 1, 2),
                "narrow": np.isin(kind, (3, 13, 21, 24)),
                "angle_low": np.deg2rad(columns[10]),
                "angle_high": np.deg2rad(columns[11]),
            }
            | {name: np.array(column) for name, column in zip(names, columns[1:10], strict=True)}
        )
    part = {
        "n_features": sum(map(len, FUNCTIONS)),
        "cutoff_function": cutoff,
        "cutoff_inner": inner,
        "weight": np.array(NUMBERS, dtype=float),
        "centres": centres,
    }
    species = np.array([NUMBERS.index(number) for number in systems.numbers])
    i, j, shifts = neighbours(systems, 6.0)
    vectors = systems.positions[j] + shifts - systems.positions[i]
    features = symmetry_features(part, 2, species, i, j, vectors)
    first = [0, len(FUNCTIONS[0])]
    total = 0.0
    for atom, z in enumerate(species):
        x = scaled(z, features[atom, first[z] : first[z] + len(FUNCTIONS[z])])
        for letter, w, b in layers[z]:
            x = ACTIVATIONS[letter]((w @ x + b) / (len(x) if share else 1.0))
        total += x[0] * energy_unit
    return total


SCALINGS = {
    "none": ([], lambda s, g: g),
    "scale": (
        ["scale_symmetry_functions", "scale_min_short -0.5", "scale_max_short 2.0"],
        lambda s, g: -0.5 + 2.5 * (g - s[:, 0]) / (s[:, 1] - s[:, 0]),
    ),
    "center": (["center_symmetry_functions"], lambda s, g: g - s[:, 2]),
    "scale and center": (
        ["scale_symmetry_functions", "center_symmetry_functions"],
        lambda s, g: (g - s[:, 2]) / (s[:, 1] - s[:, 0]),
    ),
    "sigma": (
        ["scale_symmetry_functions_sigma", "scale_min_short 0.1"],
        lambda s, g: 0.1 + 0.9 * (g - s[:, 2]) / s[:, 3],
    ),
}


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize(
    ("text", "nodes", "letters"),
    [
        (
            "cutoff_type 1; global_hidden_layers_short 2; global_nodes_short 4 3; "
            "global_activation_short t s l",
            [(4, 3)] * 2,
            ["tsl"] * 2,
        ),
        (
            "cutoff_type 6 0.2; global_hidden_layers_short 1; global_nodes_short 5; normalize_nodes; "
            "global_activation_short g h; element_activation_short O p t; "
            "mean_energy -0.3; conv_energy 2.5; conv_length 1.7",
            [(5,), (5,)],
            ["gh", "pt"],
        ),
        (
            "cutoff_type 3; global_hidden_layers_short 1; global_nodes_short 3; global_activation_short c l; "
            "element_hidden_layers_short O 2; element_nodes_short O 2 4; element_activation_short O S e r; "
            "nnp_type 2G-HDNNP",
            [(3,), (2, 4)],
            ["cl", "Ser"],
        ),
    ],
)
def test_formulas(tmp_path, scaling, text, nodes, letters):
    keywords = text.split("; ")
    rng = np.random.default_rng(7)
    layers, table = networks(rng, nodes, letters), statistics(rng)
    own, scaled = SCALINGS[scaling]
    path = write_files(tmp_path, [*keywords, *own], table, layers)
    potential = read_n2p2(path)
    assert potential.elements == NUMBERS
    systems = crystal(3, NUMBERS, n_atoms=6, size=4.5)
    bohr = systems.replace(
        positions=systems.positions * BOHR_PER_ANGSTROM, cells=systems.cells * BOHR_PER_ANGSTROM
    )
    number, inner = [*keywords[0].split(), "0"][1:3]
    names = {"1": "cosine", "6": "polynomial_2", "3": "tanh"}
    normal = "conv_energy 2.5" in keywords
    expected = energy_by_hand(
        bohr,
        names[number],
        float(inner),
        lambda z, g: scaled(table[z], g),
        layers,
        "normalize_nodes" in keywords,
        1.0 / 2.5 if normal else 1.0,
    )
    offsets = np.where(systems.numbers == 8, -75.0, -0.5) + (-0.3 if normal else 0.0)
    found = potential.evaluator(skin=0.0).predict(systems)
    assert found.energy[0] == pytest.approx((expected + offsets.sum()) / HARTREE_PER_EV, rel=1e-12)
    steps = [(atom, axis, h) for atom, axis in ((0, 0), (4, 2)) for h in (1e-4, -1e-4)]
    for atom, axis, h in steps[::2]:
        moved = []
        for sign in (1.0, -1.0):
            positions = systems.positions.copy()
            positions[atom, axis] += sign * h
            moved.append(potential.evaluator().predict(systems.replace(positions=positions)).energy[0])
        assert found.forces[atom, axis] == pytest.approx(-(moved[0] - moved[1]) / (2 * h), rel=1e-5, abs=1e-5)


def small(folder, keywords=("scale_symmetry_functions",), letters="tl"):
    rng = np.random.default_rng(2)
    layers, table = networks(rng, [(3,)] * 2, [letters] * 2), statistics(rng)
    shape = [
        "global_hidden_layers_short 1",
        "global_nodes_short 3",
        f"global_activation_short {' '.join(letters)}",
    ]
    return write_files(folder, ["cutoff_type 1", *shape, *keywords], table, layers)


@pytest.mark.parametrize("letters", ["tl", "sg"])
def test_there_and_back(tmp_path, letters):
    systems = crystal(4, NUMBERS, n_atoms=6, size=4.5)
    potential = read_n2p2(small(tmp_path, letters=letters))
    expected = potential.evaluator().predict(systems)
    folder = tmp_path / "again"
    folder.mkdir()
    write_n2p2(potential, folder / "input.nn")
    found = Potential.load(folder / "input.nn").evaluator().predict(systems)
    np.testing.assert_allclose(found.energy, expected.energy, rtol=1e-13)
    np.testing.assert_allclose(
        found.forces, expected.forces, rtol=0, atol=1e-12 * np.abs(expected.forces).max()
    )


def test_inputs_that_count_for_nothing_are_written(tmp_path):
    """As fits leave features that are the same for all atoms of the data."""
    potential = read_n2p2(small(tmp_path))
    part = potential.plan["parts"][1]
    centres = [
        c | {"scale": np.where(np.arange(len(c["scale"])) == 1, 0.0, c["scale"])}
        for c in part["regressor"]["centres"]
    ]
    constant = part | {"regressor": part["regressor"] | {"centres": centres}}
    plan = potential.plan | {"parts": [potential.plan["parts"][0], constant]}
    potential = Potential(potential.elements, plan, potential.features, potential.coefficients)
    folder = tmp_path / "again"
    folder.mkdir()
    write_n2p2(potential, folder / "input.nn")
    assert "inf" not in (folder / "scaling.data").read_text()
    systems = crystal(4, NUMBERS, n_atoms=6, size=4.5)
    found = read_n2p2(folder / "input.nn").evaluator().predict(systems)
    np.testing.assert_allclose(found.energy, potential.evaluator().predict(systems).energy, rtol=1e-13)


def test_elements_in_any_order_are_written(tmp_path):
    """A potential whose elements do not rise, as a fit may leave it."""
    potential = read_n2p2(small(tmp_path))
    part = potential.plan["parts"][1]
    swap = np.array([1, 0, -1])
    centres = [
        c | {k: swap[np.asarray(c[k])].astype(np.int32) for k in ("first", "second")}
        for c in part["centres"][::-1]
    ]
    regressor = part["regressor"] | {"centres": part["regressor"]["centres"][::-1]}
    swapped = part | {"centres": centres, "regressor": regressor, "weight": part["weight"][::-1].copy()}
    other = Potential(
        elements=(8, 1),
        plan={"elements": [8, 1], "parts": [potential.plan["parts"][0], swapped]},
        features=potential.features,
        coefficients=potential.coefficients[[1, 0, 2]],
    )
    systems = crystal(5, NUMBERS, n_atoms=6, size=4.5)
    folder = tmp_path / "again"
    folder.mkdir()
    write_n2p2(other, folder / "input.nn")
    forces = potential.evaluator().predict(systems).forces
    for one in (other, read_n2p2(folder / "input.nn")):
        np.testing.assert_allclose(
            one.evaluator().predict(systems).forces, forces, atol=1e-11 * np.abs(forces).max()
        )


def test_other_units(tmp_path):
    path = small(tmp_path)
    systems = crystal(6, NUMBERS, n_atoms=6, size=4.5)
    bohr = read_n2p2(path).evaluator().predict(systems).energy[0]
    larger = systems.replace(positions=systems.positions * 2.0, cells=systems.cells * 2.0)
    other = (
        read_n2p2(path, cflength=BOHR_PER_ANGSTROM / 2.0, cfenergy=1.0).evaluator().predict(larger).energy[0]
    )
    assert other == pytest.approx(bohr * HARTREE_PER_EV, rel=1e-12)


def test_files_are_told_by_their_names(tmp_path):
    path = small(tmp_path)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    files = [(tmp_path / name).rename(folder / name) for name in ("weights.008.data", "weights.001.data")]
    scaling = (tmp_path / "scaling.data").rename(folder / "statistics")
    assert read_n2p2(path, *files, scaling).elements == NUMBERS


BAD = {
    "charges": ({"epochs": "nnp_type 4G-HDNNP"}, "only short-range potentials"),
    "type": ({"epochs": "symfunction_short H 4 O 0.0 6.0"}, "of type 4 are not known"),
    "core": ({"epochs": "symfunction_short H 20 O 0.0 6.0 p5"}, "the core 'p5' is not known"),
    "ends": ({"epochs": "symfunction_short H 23 6.0 2.0 p2"}, "must rise"),
    "angles": ({"epochs": "symfunction_short H 25 1.0 2.0 90.0 190.0 p2"}, "need their middle there"),
    "few values": ({"epochs": "symfunction_short H 2 O 0.1 6.0"}, "needs 6 values, found 5"),
    "no number": ({"cutoff_type": "cutoff_type cos"}, "'cutoff_type' has 'cos', expected a number"),
    "not a number": ({"epochs": "symfunction_short H 2 O nan 0.0 6.0"}, "expected eta >= 0, zeta from 1"),
    "not finite": ({"cutoff_type": "cutoff_type nan"}, "'cutoff_type' has 'nan', expected a whole number"),
    "twice": ({"epochs": "cutoff_type 2"}, "'cutoff_type' is given twice"),
    "activation": ({"global_activation_short": "global_activation_short x l"}, "expected 2 of the letters"),
    "nodes": ({"global_nodes_short": "global_nodes_short 3 4"}, "expected 1 numbers"),
    "other nodes": ({"global_nodes_short": "global_nodes_short 4"}, "weights and biases, expected"),
    "half normalised": ({"epochs": "mean_energy 1.0"}, "give all or none"),
    "foreign element": ({"epochs": "symfunction_short H 2 He 0.1 0.0 6.0"}, "'He' is not among the elements"),
    "elements": ({"number_of_elements": "number_of_elements 3"}, "which are not number_of_elements"),
    "eta": ({"epochs": "symfunction_short H 2 O -0.1 0.0 6.0"}, "expected eta >= 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_settings(tmp_path, name):
    path = small(tmp_path)
    changes, message = BAD[name]
    lines = path.read_text().splitlines()
    lines = [next((new for key, new in changes.items() if line.startswith(key)), line) for line in lines]
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match=message):
        read_n2p2(path)


def test_other_ways_to_write_the_same(tmp_path):
    """Ends of lines, blanks and comments as other programs and hands write them."""
    path = small(tmp_path)
    plain = read_n2p2(path)
    for file in tmp_path.iterdir():
        lines = file.read_text().splitlines()
        text = "\r\n\r\n".join(f"\t{line.replace(' ', '  ')} \t# by hand" for line in lines)
        file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    other = read_n2p2(path)
    np.testing.assert_equal(other.plan, plain.plan)
    np.testing.assert_array_equal(other.coefficients, plain.coefficients)


def test_files_that_do_not_belong_together(tmp_path):
    path = small(tmp_path)
    scaling = tmp_path / "scaling.data"
    whole = scaling.read_text()
    scaling.write_text("\n".join(whole.splitlines()[:5]))
    with pytest.raises(InputError, match="found 4 lines, expected one for each of the 24"):
        read_n2p2(path)
    scaling.write_text("1 1 0.5 0.5 0.5 0.0\n" + "\n".join(whole.splitlines()[2:]))
    with pytest.raises(InputError, match=r"has the range or sigma 0\.0"):
        read_n2p2(path)
    scaling.write_text(whole.replace("\n1 1 ", "\nnan 1 "))
    with pytest.raises(InputError, match="begins with 'nan 1', expected '1 1'"):
        read_n2p2(path)
    scaling.write_text(whole)
    weights = tmp_path / "weights.008.data"
    text = weights.read_text()
    weights.write_text(text.replace("# header\n", "# header\nnan "))
    with pytest.raises(InputError, match=r"weights.008.data: holds a weight or bias that is not finite"):
        read_n2p2(path)
    weights.unlink()
    with pytest.raises(InputError, match=r"weights.008.data does not exist"):
        read_n2p2(path)


def test_what_the_format_cannot_hold(tmp_path):
    potential = read_n2p2(small(tmp_path))
    part = potential.plan["parts"][1]

    def changed(**values):
        plan = potential.plan | {"parts": [potential.plan["parts"][0], part | values]}
        return Potential(potential.elements, plan, potential.features, potential.coefficients)

    networks = part["regressor"]["centres"]
    silu = [c | {"layers": [layer | {"activation": "silu"} for layer in c["layers"]]} for c in networks]
    for bad, message in (
        (changed(regressor=part["regressor"] | {"networks": 2}), "is the mean of 2"),
        (changed(regressor=part["regressor"] | {"centres": silu}), "no activation silu"),
        (changed(weight=np.ones(2)), "atomic number only"),
        (changed(regressor={"kind": "quadratic"}), "the regressor quadratic"),
        (changed(global_features={}), "features of a whole crystal"),
        (
            Potential(
                potential.elements,
                potential.plan | {"parts": potential.plan["parts"][:1]},
                potential.features,
                potential.coefficients,
            ),
            "has the parts e0",
        ),
    ):
        with pytest.raises(InputError, match=message):
            write_n2p2(bad, tmp_path / "out.nn")


@pytest.mark.skipif(DATA is None, reason="needs ATOMSMITH_DATA, the folder of golden/")
@pytest.mark.parametrize("symbol", ["Mo", "Si", "Cu"])
def test_golden(symbol):
    """Published potentials against pair_style hdnnp; its stress carries LAMMPS' constants of seven digits."""
    golden = Path(DATA) / "golden"
    potential = Potential.load(golden / "potentials" / symbol / "nnp" / "input.nn")
    evaluator = potential.evaluator(skin=0.0)
    for structure in json.loads((golden / f"{symbol}_nnp.json").read_text())["structures"]:
        n = structure["natoms"]
        systems = Systems(
            numbers=np.full(n, number_of(symbol), dtype=np.int32),
            positions=np.array(structure["positions"]),
            cells=np.array(structure["cell"])[None],
            pbc=np.ones((1, 3), dtype=bool),
            first=np.array([0, n]),
        )
        found = evaluator.predict(systems)
        assert found.energy[0] / n == pytest.approx(structure["energy"] / n, abs=1e-11)
        np.testing.assert_allclose(found.forces, structure["forces"], rtol=0, atol=1e-9)
        stress = -found.virial[0] / abs(np.linalg.det(systems.cells[0]))
        expected = np.array(structure["stress"])
        np.testing.assert_allclose(stress, expected, rtol=0, atol=2e-6 * np.abs(expected).max() + 1e-10)
