import numpy as np
import pytest

from atomsmith.descriptors import RadialSettings, build_radial, evaluate_radial
from atomsmith.descriptors.radial import agnesi_scale
from atomsmith.elements import COVALENT_RADII, SYMBOLS, number_of
from atomsmith.errors import InputError

TRANSFORMS = [(2, 4), (2, 2), (1, 1), (3, 6)]


def silicon(n=14, **settings):
    return build_radial(RadialSettings(**settings), [14], n, 5.0, np.array([[2.36]]))


@pytest.mark.parametrize(("p", "q"), TRANSFORMS)
@pytest.mark.parametrize("inner", [(0.4, 0.75), (0.0, 0.0)])
def test_orthonormal_between_inner_end_and_cutoff(p, q, inner):
    table = silicon(transform_p=p, transform_q=q, inner_fractions=inner)
    low, high = inner[0] * 2.36, 5.0
    nodes, weights = np.polynomial.legendre.leggauss(400)  # another quadrature than the construction's
    r = low + (high - low) * 0.5 * (nodes + 1.0)
    values, _ = evaluate_radial(table, 0, r)
    np.testing.assert_allclose(values.T @ (values * 0.5 * weights[:, None]), np.eye(14), atol=1e-3)


@pytest.mark.parametrize(("p", "q"), TRANSFORMS)
def test_derivatives(p, q):
    table = silicon(transform_p=p, transform_q=q)
    r = np.linspace(0.7, 5.2, 91)
    _, slopes = evaluate_radial(table, 0, r)
    step = evaluate_radial(table, 0, r + 1e-30j)[0].imag / 1e-30
    np.testing.assert_allclose(slopes, step, rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize("power", [2, 3, 4])
def test_smooth_at_the_cutoff_to_the_order_of_the_envelope(power):
    """R ~ (cutoff - r)^power: halving the distance divides every function by 2^power."""
    table = silicon(outer_power=power)
    values = evaluate_radial(table, 0, 5.0 - np.array([2e-4, 1e-4]))[0]
    np.testing.assert_allclose(values[0] / values[1], 2.0**power, rtol=0.02)
    assert np.all(evaluate_radial(table, 0, np.array([5.0, 5.5]))[0] == 0.0)


def test_smooth_at_the_inner_end():
    table = silicon(inner={"Si-Si": (1.0, 1.6)})
    h = 1e-4
    values = evaluate_radial(table, 0, 1.0 + np.array([-h, 0.0, 2 * h, h]))[0]
    assert np.all(values[:2] == 0.0)
    np.testing.assert_allclose(values[2] / values[3], 8.0, rtol=0.05)  # third order, so C2
    _, slopes = evaluate_radial(table, 0, 1.6 + np.array([-1e-6, 1e-6]))
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("p", "q"), [(2, 4), (2, 2), (3, 6), (4, 4)])
def test_transform_is_steepest_at_r0(p, q):
    a = agnesi_scale(p, q)
    s = np.linspace(0.3, 3.0, 27001)
    x = 1.0 / (1.0 + a * s**q / (1.0 + s ** (q - p)))
    assert s[np.argmax(-np.gradient(x, s))] == pytest.approx(1.0, abs=1e-3)


def test_t_spans_minus_one_to_one():
    table = build_radial(RadialSettings(), [8, 1], 6, 4.5)
    for pair in range(4):
        ends = np.array([table["inner"][pair, 0], table["cutoff"][pair]])
        s = ends / table["r0"][pair]
        x = 1.0 / (1.0 + table["a"] * s ** table["q"] / (1.0 + s ** (table["q"] - table["p"])))
        np.testing.assert_allclose(table["shift"][pair] + table["scale"][pair] * x, [1.0, -1.0], atol=1e-12)


def test_pairs_named_in_either_order_and_data_before_radii():
    settings = RadialSettings(cutoffs={"H-O": 3.5}, r0={"O-O": 2.8}, inner={"H-H": (0.4, 0.6)})
    first = np.array([[np.nan, 0.97], [0.99, np.nan]])
    table = build_radial(settings, [8, 1], 3, 5.0, first)
    np.testing.assert_allclose(table["cutoff"], [5.0, 3.5, 3.5, 5.0])
    np.testing.assert_allclose(table["r0"], [2.8, 0.97, 0.97, 0.62])
    np.testing.assert_allclose(table["inner"][3], [0.4, 0.6])
    np.testing.assert_allclose(table["inner"][0], [0.4 * 2.8, 0.75 * 2.8])
    assert np.array_equal(table["recurrence"][1], table["recurrence"][2])


@pytest.mark.parametrize(("settings", "message"), [
    ({"cutoffs": {"SiO": 4.0}}, "'SiO' is not two chemical symbols"),
    ({"cutoffs": {"Si-Ge": 4.0}}, "names Ge, but the elements here are Si"),
    ({"cutoffs": {"Si-Xx": 4.0}}, "'Xx' is not the symbol of an element"),
    ({"r0": {"Si-Si": 2.3, "si-si": 2.4}}, "'Si-Si' and 'si-si' are the same pair"),
    ({"inner": {"Si-Si": (1.5, 1.0)}}, "pair Si-Si has the inner distances 1.5 and 1"),
    ({"inner": {"Si-Si": (1.0, 5.5)}}, "must rise in this order"),
    ({"r0": {"Si-Si": 0.0}}, "both must be positive"),
    ({"transform_p": 4, "transform_q": 2}, "transform_q is 2, below transform_p"),
])  # fmt: skip
def test_bad_settings_are_refused_with_a_sentence(settings, message):
    with pytest.raises(InputError, match=message):
        silicon(**settings)


def test_table_of_elements_is_that_of_ase():
    data = pytest.importorskip("ase.data")
    assert list(SYMBOLS) == list(data.chemical_symbols)
    np.testing.assert_allclose(COVALENT_RADII, data.covalent_radii[1:97])
    assert number_of("Og") == 118
