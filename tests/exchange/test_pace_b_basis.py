"""B-basis of PACE: what python-ace predicts, invariance of the couplings, and what is refused."""

# ruff: noqa: E741 (l is the field's name of the angular degree)

import dataclasses

import numpy as np
import pytest

from atomsmith import Potential
from atomsmith.elements import number_of
from atomsmith.errors import InputError
from atomsmith.exchange.pace.coupling import coupled_products, coupling_tree
from atomsmith.exchange.pace.reading import read_model
from atomsmith.systems import Systems
from exchange.pace_b_files import COUPLINGS, b_basis, write_b_basis
from exchange.pace_engine import prediction

CASES = {
    "Cu": (("Cu",), "density"),
    "Al and Ni": (("Al", "Ni"), "distance"),
    "C, H and O": (("C", "H", "O"), "zbl"),
}


def structure(symbols: tuple[str, ...]) -> Systems:
    """Five atoms in a skew periodic cell, the closest at 1.5 angstrom."""
    numbers = [number_of(symbols[k % len(symbols)]) for k in range(5)]
    positions = [[0.1, 0.2, 0.3], [1.2, 1.1, 0.7], [2.9, 0.4, 2.6], [0.3, 3.4, 2.2], [3.1, 3.0, 0.5]]
    return Systems(
        numbers=np.array(numbers, np.int32),
        positions=np.array(positions),
        cells=np.array([[[4.9, 0.0, 0.2], [0.3, 5.2, 0.0], [-0.4, 0.5, 4.7]]]),
        pbc=np.ones((1, 3), bool),
        first=np.array([0, 5]),
    )


# python-ace 0.4.0rc1 (ACEBBasisSet, ACEBEvaluator) on the files of pace_b_files.py, eV and angstrom.
GOLDEN = {
    "Cu": {
        "energies": [
            1.5280642705143,
            1.5863207903775,
            -0.80907818803625,
            -5.3777832695837,
            0.030560565168377,
        ],
        "forces": [
            [-14.214152995302, -20.704693782394, 19.023471230452],
            [8.2540286349861, 9.2206356005216, 13.36485814805],
            [7.500771495963, -5.3072287621666, -21.805571009856],
            [-8.8539504273313, 15.710679504828, -30.601623751718],
            [7.3133032916842, 1.0806074392109, 20.018865383072],
        ],
        "virial": [
            -80.926704009886,
            -98.065481086931,
            -49.777387964338,
            17.835140273547,
            7.9045049615909,
            12.627987533033,
        ],
    },
    "Al and Ni": {
        "energies": [1.9027852308201, 1.8168762978856, 0.48357109791863, 0.19590660392864, 0.47035676407442],
        "forces": [
            [-8.2146494581178, -6.3438483443805, -2.9555533794059],
            [7.5651288138552, 5.4903280270645, 0.79076951951486],
            [0.40506754436059, -0.046860859543995, 0.21933729383615],
            [-0.047117951248486, 0.73967419702407, 2.120100050645],
            [0.29157105115048, 0.16070697983602, -0.17465348459012],
        ],
        "virial": [
            11.235189221443,
            2.9331704361284,
            11.971564555949,
            6.025308515645,
            0.91360617241145,
            -2.8567890212011,
        ],
    },
    "C, H and O": {
        "energies": [
            0.67036743559526,
            0.58192608622809,
            -0.23092198050783,
            0.6127077580576,
            -1.8168664848897,
        ],
        "forces": [
            [-1.8634962610766, -1.2820070648943, -0.94643125945133],
            [1.7116968848477, 1.3747689485043, -1.5647508444697],
            [-0.098703077156451, 0.40197441673658, 0.70820149506279],
            [0.20888402861201, -0.33214863671412, 0.44464546259057],
            [0.041618424773427, -0.16258766363246, 1.3583351462676],
        ],
        "virial": [
            7.0065897793991,
            2.999571649725,
            1.7997449416873,
            1.0445256411914,
            0.41073172765871,
            -0.4693790712207,
        ],
    },
}


def check(found, energies, forces, virial) -> None:
    """Compare with energies, forces and virial (xx, yy, zz, xy, xz, yz) of python-ace."""
    np.testing.assert_allclose(found.energies, energies, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(found.forces, forces, rtol=0, atol=1e-10)
    half = found.virial[0][[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    np.testing.assert_allclose(half, virial, rtol=0, atol=1e-10 * np.abs(virial).max())


@pytest.mark.parametrize("case", CASES)
def test_golden_values(case, tmp_path):
    symbols, core = CASES[case]
    path = write_b_basis(tmp_path / "output_potential.yaml", symbols, core)
    found = Potential.load(path).evaluator(skin=0.0).predict(structure(symbols))
    check(found, **GOLDEN[case])


@pytest.mark.parametrize("core", ["density", "distance", "zbl"])
@pytest.mark.parametrize("symbols", [("Mo",), ("O", "H"), ("Al", "Cu", "Ni")])
def test_agrees_with_python_ace(symbols, core, tmp_path):
    path = write_b_basis(tmp_path / "b.yaml", symbols, core, seed=7)
    systems = structure(symbols)
    energies, forces, virial = prediction(path, systems)
    check(Potential.load(path).evaluator(skin=0.0).predict(systems), energies, forces, virial)


def rotation(seed: int) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.linalg.det(q)


def test_energies_do_not_change_with_a_rotation(tmp_path):
    """Each function of up to six neighbours is an invariant: a wrong sign of one product would show."""
    path = write_b_basis(tmp_path / "b.yaml", ("Al", "Ni"), "distance")
    evaluator = Potential.load(path).evaluator(skin=0.0)
    systems = structure(("Al", "Ni"))
    turn = rotation(3)
    turned = dataclasses.replace(systems, positions=systems.positions @ turn, cells=systems.cells @ turn)
    found, again = evaluator.predict(systems), evaluator.predict(turned)
    np.testing.assert_allclose(again.energies, found.energies, rtol=1e-12)
    np.testing.assert_allclose(again.forces, found.forces @ turn, rtol=0, atol=1e-11)


def test_trees_of_couplings():
    """Pairs of factors, pairs of pairs; what is left over at the leaves last."""
    assert coupling_tree(1) == ()
    assert coupling_tree(3) == ((0, 1, 3), (3, 2, 4))
    assert coupling_tree(5) == ((0, 1, 5), (2, 3, 6), (5, 6, 7), (7, 4, 8))
    assert coupling_tree(6) == ((0, 1, 6), (2, 3, 7), (4, 5, 8), (6, 7, 9), (8, 9, 10))


def test_two_factors_couple_to_the_power_spectrum():
    """sum_m (-1)^m A_lm A_l-m / sqrt(2 l + 1), up to the sign of the whole."""
    m, weight = coupled_products((2, 2), ())
    np.testing.assert_array_equal(m, [[0, 0], [1, -1], [2, -2]])
    np.testing.assert_allclose(weight * np.sqrt(5.0), [1.0, -2.0, 2.0], rtol=1e-15)


@pytest.mark.parametrize("rank", COUPLINGS)
def test_products_of_couplings(rank):
    for l, between in COUPLINGS[rank]:
        m, _ = coupled_products(tuple(l), tuple(between))
        assert len(m)
        assert not m.sum(axis=1).any()
        assert (abs(m) <= l).all()
        assert len({tuple(row) for row in m.tolist()}) == len(m)
        assert not any(row < 0 for row in (next((k for k in r if k), 0) for r in m.tolist()))


def test_old_files_have_their_radial_coefficients_in_one_row(tmp_path):
    text = b_basis(("Cu",))
    path = tmp_path / "b.yaml"
    path.write_text(text)
    table = read_model(path).bonds[0][0].coefficients
    start = text.index("radcoefficients: ") + len("radcoefficients: ")
    row = np.moveaxis(table, 2, 0).ravel().tolist()
    path.write_text(text[:start] + str(row) + text[text.index("\n", start) :])
    np.testing.assert_array_equal(read_model(path).bonds[0][0].coefficients, table)


@pytest.mark.parametrize("core", ["density", "distance"])
def test_what_may_be_left_out(core, tmp_path):
    """The bond of the reversed pair, coefficients in lists of one, functions that are skipped, defaults."""
    text = b_basis(("Al", "Ni"), core)
    path = tmp_path / "b.yaml"
    path.write_text(text)
    full = read_model(path)
    begin = text.index("speciesblock: Ni Al\n") + len("speciesblock: Ni Al\n")
    end = text.index("    nbody:", begin)
    skipped = "      - {type: Al Al, nr: [1], nl: [0], c: [9, 9], skip: true}\n"
    short = text[:begin] + text[end:]
    short = short.replace("    nbody:\n", "    nbody:\n" + skipped, 1)
    path.write_text(short)
    again = read_model(path)
    assert again.core == core
    assert again.bonds[1][0].inner_cutoff == full.bonds[1][0].inner_cutoff
    np.testing.assert_array_equal(again.bonds[1][0].coefficients, full.bonds[1][0].coefficients)
    assert [len(f) for f in again.functions] == [len(f) for f in full.functions]
    path.write_text(text.replace("    rho_core_cut: 3.0\n    drho_core_cut: 2.5\n", ""))
    assert [(e.core_cutoff, e.core_width) for e in read_model(path).embeddings] == [(1e5, 250.0)] * 2


BAD = {
    "another file": ("global:", "settings:", "is not a potential of PACE"),
    "an unknown key": ("    lmaxi: 2\n", "    lmaxi: 2\n    charge: 1\n", "'charge', which is not known"),
    "a missing key": ("    radbase: ChebPow\n", "", "lacks 'radbase'"),
    "no embedding": ("    npoti: FinnisSinclairShiftedScaled\n", "", "lacks 'npoti'"),
    "the embedding": ("npoti: FinnisSinclairShiftedScaled", "npoti: Morse", "npoti is 'Morse'"),
    "the core": ("inner_cutoff_type: density", "inner_cutoff_type: soft", "inner_cutoff_type is 'soft'"),
    "cores that differ": (
        "inner_cutoff_type: density",
        "inner_cutoff_type: zbl",
        "expected one kind of core for all bonds",
    ),
    "a bond that differs": ("rcutij: 4.2", "rcutij: 4.3", "rcutij differs from that of the reversed pair"),
    "no bond": ("speciesblock: Ni Al", "speciesblock: Ni Cu", "no block of Cu alone"),
    "the type": ("{type: Al Al,", "{type: Ni Al,", "is of the type 'Ni Al'"),
    "the coupling": ("nl: [1, 1, 2], lint: [2]", "nl: [1, 1, 2], lint: [1]", "do not couple"),
    "odd degrees": ("nl: [1, 1, 2], lint: [2]", "nl: [1, 1, 1], lint: [1]", "even sum"),
    "no intermediate degrees": ("nl: [1, 1, 2], lint: [2]", "nl: [1, 1, 2]", "lacks 'lint'"),
    "densities": ("c: [", "c: [1.0, ", "c has 3 numbers; expected 2"),
    "a large n": ("nr: [", "nr: [9", "expected 1 to"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_a_file_cannot_say(case, tmp_path):
    old, new, message = BAD[case]
    text = b_basis(("Al", "Ni"))
    assert old in text
    path = tmp_path / "bad.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as error:
        Potential.load(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
