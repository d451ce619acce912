"""PACE files with the radial functions of ACE.jl: what python-ace predicts, and what is refused."""

import dataclasses

import numpy as np
import pytest

from atomsmith import Potential
from atomsmith.errors import InputError
from atomsmith.exchange.pace.polynomials import PairPotential
from exchange.pace_engine import prediction
from exchange.pace_polynomial_files import ace, polynomials, random_model, write, yace
from exchange.test_pace_b_basis import structure
from oracle.pace_numpy import energies

# python-ace 0.4.0rc1 (recursive evaluator) on the files of pace_polynomial_files.py, eV and angstrom.
GOLDEN = {
    "Si": {
        "energies": [
            -0.23439185962049,
            -0.25556067706245,
            -0.41668460174552,
            -0.17817570316609,
            -0.34230258660189,
        ],
        "forces": [
            [-0.81292236754453, 0.1966465532717, -1.7496282092294],
            [-0.099206111161971, 0.39297367155237, -0.41790581282304],
            [0.78392466118034, -0.27144044527654, 1.5103117181583],
            [0.0557256361397, -0.54962464249624, 1.3835480447858],
            [0.072478181386457, 0.23144486294871, -0.72632574089158],
        ],
        "virial": [
            -2.4606887725493,
            -2.1877061465794,
            -2.2302196071243,
            0.14932886064352,
            1.5043485779946,
            -0.097877322745997,
        ],
    },
    "Si with pairs": {
        "energies": [
            1.0596803284391,
            0.66586714290572,
            0.67873837522598,
            0.26258633020967,
            0.087035133542192,
        ],
        "forces": [
            [-3.7004775165974, -3.3799158494147, 0.61841266866643],
            [3.7484800992397, 3.6482400390866, 1.8727727779797],
            [-0.16440107289739, -0.62708989104325, -1.5905953404922],
            [-0.32874402835182, 0.84440785542665, -2.3727377136473],
            [0.44514251860693, -0.48564215405528, 1.4721476074934],
        ],
        "virial": [
            9.9627146482678,
            6.4907165072167,
            6.8530565489762,
            4.0739024882279,
            -0.11787237066581,
            0.9327483374528,
        ],
    },
    "Si and C with pairs": {
        "energies": [
            0.6880550500667,
            0.078840489297777,
            -0.452273308474,
            -0.79440061268253,
            -0.32223741494295,
        ],
        "forces": [
            [-3.0660673283283, -2.7890464492036, -1.3303642097933],
            [3.3088279330796, 3.3626548366691, 1.8588734961274],
            [-0.078949600475007, -0.21073990824882, -0.29011804006711],
            [-0.020440249044214, -0.22196045186109, -0.10939300142889],
            [-0.14337075523213, -0.14090802735562, -0.12899824483816],
        ],
        "virial": [
            3.3423474262486,
            -0.030509787385052,
            -1.0668780843599,
            3.1575136589123,
            1.3756964089144,
            1.272133821153,
        ],
    },
}
CASES = {"Si": (("Si",), False), "Si with pairs": (("Si",), True), "Si and C with pairs": (("Si", "C"), True)}


def check(found, energies, forces, virial) -> None:
    """The table that stands for the formulas has bins of 0.00025 angstrom, to which forces owe most."""
    np.testing.assert_allclose(found.energies, energies, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(found.forces, forces, rtol=0, atol=1e-9 * max(1.0, np.abs(forces).max()))
    half = found.virial[0][[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    np.testing.assert_allclose(half, virial, rtol=0, atol=1e-9 * max(1.0, np.abs(virial).max()))


@pytest.mark.parametrize("case", CASES)
def test_golden_values(case, tmp_path):
    symbols, pair = CASES[case]
    path = write(random_model(symbols, pair), tmp_path / "made_up.yace")
    check(Potential.load(path).evaluator(skin=0.0).predict(structure(symbols)), **GOLDEN[case])


@pytest.mark.parametrize("suffix", [".ace", ".yace"])
@pytest.mark.parametrize("pair", [False, True])
def test_agrees_with_python_ace(pair, suffix, tmp_path):
    path = write(random_model(("Si",), pair, seed=5), tmp_path / f"made_up{suffix}")
    found = Potential.load(path).evaluator(skin=0.0).predict(structure(("Si",)))
    check(found, *prediction(path, structure(("Si",))))


def test_both_formats_say_the_same(tmp_path):
    model = random_model()
    systems = structure(("Si",))
    found = [
        Potential.load(write(model, tmp_path / f"p{suffix}")).evaluator().predict(systems)
        for suffix in (".ace", ".yace")
    ]
    np.testing.assert_array_equal(found[0].energies, found[1].energies)
    np.testing.assert_allclose(found[0].energies, energies(model, systems), rtol=1e-12)


def test_slopes_are_derivatives():
    r, step = np.linspace(0.5, 5.2, 40), 1e-5
    functions = polynomials(6, 0.9, 5.0, (2, 1))
    pair = PairPotential(
        polynomials(4, 0.4, 5.0, (2, 0)), np.array([1.0, -2.0, 0.5, 3.0]), (1.9, 0.3, 2.5, 0.8)
    )
    for function in (functions, pair):
        difference = (function(r + step)[0] - function(r - step)[0]) / (2 * step)
        slope = function(r)[1]
        np.testing.assert_allclose(slope, difference, rtol=0, atol=1e-7 * np.abs(slope).max())


def test_functions_end_at_their_cutoffs():
    values, slopes = polynomials(6, 1.2, 5.0, (2, 2))(np.array([0.6, 1.1, 5.01, 6.0]))
    assert not values.any()
    assert not slopes.any()


BAD = {
    "tables": (".yace", "maxn: 5", "nbins: 9, splinenodalvals: {0: [1]}", "splinenodalvals"),
    "no degree": (".yace", "lmax: 2\n", "", "lacks 'lmax'"),
    "no recursion": (".yace", "recursion_coefficients", "coefficients", "lacks 'recursion_coefficients'"),
    "a short recursion": (".yace", "maxn: 5", "maxn: 6", "has 5 numbers; expected 6"),
    "both kinds": (
        ".yace",
        "[0, 1]: {radbasename: ACE.jl.Basic",
        "[0, 1]: {radbasename: SBessel",
        "is not of ACE.jl",
    ),
    "pairs": (".yace", ", coefficients: {\n", ", weights: {\n", "lacks 'coefficients'"),
    "values that differ": (".ace", "r0=2.3", "r0=2.4", "differ from the values that the file gives"),
    "the order": (".ace", "haspair:", "hasPair:", "found 'hasPair', expected 'haspair'"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_a_file_cannot_say(case, tmp_path):
    suffix, old, new, message = BAD[case]
    text = yace(random_model(("Si", "C"))) if suffix == ".yace" else ace(random_model())
    assert old in text
    path = tmp_path / f"bad{suffix}"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as error:
        Potential.load(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_older_files_are_of_one_element(tmp_path):
    model = random_model(("Si", "C"), pair=False)
    path = tmp_path / "two.ace"
    path.write_text(ace(dataclasses.replace(model, bonds=model.bonds)))
    with pytest.raises(InputError, match="for one element"):
        Potential.load(path)
