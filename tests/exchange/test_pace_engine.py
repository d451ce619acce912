"""PACE compared with python-ace: pasted numbers anywhere, and more files where it is installed."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from atomsmith import Potential
from atomsmith.elements import number_of
from atomsmith.evaluator import Evaluator, Prediction
from atomsmith.exchange.formats import write_foreign
from exchange.pace_engine import prediction
from exchange.pace_files import random_model, write
from exchange.test_pace import CORES, ace_model
from exchange.test_pace_b_basis import check, structure
from exchange.test_pace_writing import ACE, INNER, PAIR, _potential, embedded

# python-ace 0.4.0rc1 (ACECTildeBasisSet, recursive evaluator) on the files of pace_files.py, eV and angstrom.
GOLDEN = {
    "density": {
        "energies": [3.209354219418, 3.0504529487, 0.64996956442318, 0.24712337037706, 0.54518415903983],
        "forces": [
            [-13.662419687471, -10.836106936178, -4.8697661909269],
            [13.418331915583, 11.055546492747, 4.7493710485214],
            [0.11335811393829, -0.40825389096813, -0.11600802177114],
            [-0.11418426761084, 0.056155937170079, -0.036654147622846],
            [0.24491392555999, 0.1326583972284, 0.27305731179944],
        ],
        "virial": [
            14.723078130768,
            9.4491559723259,
            1.488099821885,
            11.446908118922,
            5.7272125421348,
            4.3736279059109,
        ],
    },
    "distance": {
        "energies": [3.2009481654211, 3.0225497731114, 0.63364376124009, 0.23097835870401, 0.5315603307533],
        "forces": [
            [-13.684015906923, -10.896503849335, -4.8059504302046],
            [13.590194927231, 11.122653586651, 4.8672263885309],
            [0.046553056432585, -0.38599747504607, -0.235868845856],
            [-0.14892668357363, 0.1018101406358, -0.14071883992286],
            [0.196194606833, 0.058037597094244, 0.31531172745266],
        ],
        "virial": [
            14.237004204848,
            9.0286369034115,
            1.0342213335908,
            11.393201916708,
            5.535706901382,
            4.5254989917944,
        ],
    },
    "zbl": {
        "energies": [8.2443936147697, 8.4695245732566, 0.63599092529235, 0.23926360322887, 0.53156322465496],
        "forces": [
            [-34.116325562745, -27.474698141025, -12.834278399883],
            [33.613060094812, 27.421443695451, 11.495842344614],
            [0.34102774135461, -0.64563143380225, 0.4547338643034],
            [-0.39354690027015, 0.19198361277804, 0.62484434784439],
            [0.55578462684791, 0.50690226659801, 0.25885784312046],
        ],
        "virial": [
            40.437291286229,
            28.242817359715,
            7.5710382291913,
            30.100748596989,
            14.222609402624,
            10.85955650903,
        ],
    },
}


def predicted(path, symbols) -> Prediction:
    return Potential.load(path).evaluator(skin=0.0).predict(structure(symbols))


@pytest.mark.parametrize("core", CORES)
def test_golden_values(core, tmp_path):
    symbols = ("Al", "Ni")
    path = write(random_model(symbols, core, n_densities=(2,)), tmp_path / "made_up.yace")
    check(predicted(path, symbols), **GOLDEN[core])


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    ("symbols", "n_densities", "bin_width"),
    [(("Cu",), (1,), 0.001), (("O", "H"), (3,), 0.007), (("Al", "Cu", "Ni"), (2,), 0.01)],
)
def test_yace_agrees(symbols, n_densities, bin_width, core, tmp_path):
    model = random_model(symbols, core, seed=4, n_densities=n_densities, bin_width=bin_width)
    path = write(model, tmp_path / "made_up.yace")
    check(predicted(path, symbols), *prediction(path, structure(symbols)))


def test_ace_agrees(tmp_path):
    path = write(ace_model(("Cu",)), tmp_path / "made_up.ace")
    check(predicted(path, ("Cu",)), *prediction(path, structure(("Cu",))))


def one_factor_only(symbols):
    """A potential of pairs: its bonds have no R_nl."""
    model = random_model(symbols, seed=6, n_densities=(2,), ranks=(1,))
    bonds = tuple(
        tuple(dataclasses.replace(b, coefficients=np.zeros((0, 1, b.coefficients.shape[2]))) for b in row)
        for row in model.bonds
    )
    return dataclasses.replace(model, bonds=bonds)


def test_products_of_one_factor_alone(tmp_path):
    model = one_factor_only(("Al", "Ni"))
    path = write(model, tmp_path / "pairs.yace")
    assert "nradmax: 0, lmax: 0" in path.read_text()
    assert "radcoefficients: []" in path.read_text()
    check(predicted(path, ("Al", "Ni")), *prediction(path, structure(("Al", "Ni"))))


@pytest.mark.parametrize(
    ("elements", "descriptors"),
    [([14, 6], (PAIR, ACE | {"degree": 5})), ([14], ({**PAIR, **INNER}, {**ACE, **INNER}))],
    ids=["two elements", "inner cutoff"],
)
def test_python_ace_reads_what_is_written(elements, descriptors, tmp_path):
    check_written(_potential(elements, *descriptors), tmp_path / "written.yace")


@pytest.mark.parametrize("elements", [[14], [14, 6]])
def test_python_ace_reads_embeddings(elements, tmp_path):
    check_written(embedded(elements, (0.7, 2.0), pair=True), tmp_path / "written.yace")


def check_written(potential: Potential, path: Path) -> None:
    """Write a potential and compare what python-ace makes of it."""
    write_foreign(potential, path)
    elements = potential.elements
    systems = structure(("Si", "C")[: len(elements)])
    assert set(systems.numbers) == {number_of(s) for s in ("Si", "C")[: len(elements)]}
    energies, forces, _ = prediction(path, systems)
    found = Evaluator(potential).predict(systems)
    np.testing.assert_allclose(found.energies, energies, rtol=1e-10, atol=1e-10)
    # Bins of 0.001 angstrom, in which the format tabulates its functions.
    np.testing.assert_allclose(found.forces, forces, rtol=0, atol=1e-8 * max(1.0, np.abs(forces).max()))
