# ruff: noqa: E741 (l is the field's name of the angular degree)
from itertools import product
from math import pi, sqrt

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.special import sph_harm_y

from atomsmith.descriptors.harmonics import clebsch_gordan, real_coupling, real_spherical_harmonics


def directions(seed, n):
    vectors = np.random.default_rng(seed).normal(size=(n, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def representation(l, rotation):
    """D with Y_l(R u) = D Y_l(u), by solving for it on random directions."""
    u = directions(1, 4 * l + 6)
    block = slice(l * l, (l + 1) ** 2)
    before = real_spherical_harmonics(l, u)[:, block]
    after = real_spherical_harmonics(l, u @ rotation.T)[:, block]
    return np.linalg.lstsq(before, after, rcond=None)[0].T


def test_harmonics_agree_with_scipy_in_the_stated_convention():
    u = directions(0, 20)
    theta, phi = np.arccos(u[:, 2]), np.arctan2(u[:, 1], u[:, 0])
    ours = real_spherical_harmonics(6, u)
    for l in range(7):
        for m in range(l + 1):
            complex_y = (-1.0) ** m * sph_harm_y(l, m, theta, phi)  # without Condon-Shortley phase
            factor = 1.0 if m == 0 else sqrt(2.0)
            np.testing.assert_allclose(ours[:, l * l + l + m], factor * complex_y.real, atol=1e-13)
            if m > 0:
                np.testing.assert_allclose(ours[:, l * l + l - m], factor * complex_y.imag, atol=1e-13)


def test_first_degree_is_y_z_x():
    u = directions(3, 5)
    expected = sqrt(3.0 / (4.0 * pi)) * u[:, [1, 2, 0]]
    np.testing.assert_allclose(real_spherical_harmonics(1, u)[:, 1:], expected, atol=1e-15)


def test_poles_are_no_special_case():
    values = real_spherical_harmonics(4, np.array([[0.0, 0.0, 1.0]]))[0]
    expected = np.zeros(25)
    expected[[l * l + l for l in range(5)]] = [sqrt((2 * l + 1) / (4 * pi)) for l in range(5)]
    np.testing.assert_allclose(values, expected, atol=1e-15)


@pytest.mark.parametrize(("args", "value"), [
    ((1, 0, 1, 0, 0, 0), -sqrt(1 / 3)),
    ((1, 1, 1, -1, 1, 0), sqrt(1 / 2)),
    ((2, 1, 1, -1, 1, 0), sqrt(3 / 10)),
    ((2, 0, 2, 0, 4, 0), sqrt(18 / 35)),
    ((1, 1, 1, 1, 1, 2), 0.0),
])  # fmt: skip
def test_clebsch_gordan_table_values(args, value):
    assert clebsch_gordan(*args) == pytest.approx(value, abs=1e-15)


@pytest.mark.parametrize(("l1", "l2"), [(1, 1), (2, 1), (3, 2), (6, 5)])
def test_real_couplings_are_an_orthogonal_transformation(l1, l2):
    blocks = [real_coupling(l1, l2, l).reshape(-1, 2 * l + 1) for l in range(abs(l1 - l2), l1 + l2 + 1)]
    transformation = np.concatenate(blocks, axis=1)
    np.testing.assert_allclose(transformation.T @ transformation, np.eye(len(transformation)), atol=1e-13)


def test_real_couplings_are_equivariant_for_odd_sums_too():
    rotation = Rotation.random(random_state=5).as_matrix()
    d = {l: representation(l, rotation) for l in range(5)}
    for l1, l2, l in product(range(4), range(4), range(5)):
        c = real_coupling(l1, l2, l)
        rotated = np.einsum("abc,ai,bj->ijc", c, d[l1], d[l2])
        np.testing.assert_allclose(rotated, np.einsum("ijk,ck->ijc", c, d[l]), atol=1e-12)
