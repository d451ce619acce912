# ruff: noqa: E741 (l is the field's name of the angular degree)
from collections import Counter
from itertools import combinations_with_replacement, product
from math import factorial

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from atomsmith.descriptors.invariants import count_invariants, couple

from .test_harmonics import representation


def multisets(order, l_max, copies):
    """Every multiset of labels with l up to ``l_max`` and ``copies`` different labels for each l."""
    labels = [(l, copy) for l in range(l_max + 1) for copy in range(copies)]
    for rows in combinations_with_replacement(labels, order):
        yield tuple(l for l, _ in rows), tuple(rows.index(row) for row in rows)


def count_by_quadrature(ls, equal):
    """The integral of the character over the rotation group, on a grid of angles (exact for its degree)."""
    n = 4 * sum(ls) + 8
    angle = 2.0 * np.pi * (np.arange(n) + 0.5) / n
    product_of_characters = np.ones(n)
    for first, power in Counter(equal).items():
        product_of_characters *= symmetric_power_character(ls[first], power, angle)
    return np.mean(product_of_characters * (1.0 - np.cos(angle)))


def symmetric_power_character(l, power, angle):
    """Newton's identity k h_k = sum_i p_i h_{k-i}, p_i the character at i times the angle."""
    p = [1.0 + 2.0 * sum(np.cos(m * i * angle) for m in range(1, l + 1)) for i in range(power + 1)]
    h = [np.ones_like(angle)]
    for k in range(1, power + 1):
        h.append(sum(p[i] * h[k - i] for i in range(1, k + 1)) / k)
    return h[power]


@pytest.mark.parametrize(
    ("order", "l_max", "copies"), [(1, 4, 1), (2, 5, 2), (3, 5, 2), (4, 3, 2), (4, 4, 1)]
)
def test_construction_gives_the_number_that_representation_theory_predicts(order, l_max, copies):
    seen = 0
    for ls, equal in multisets(order, l_max, copies):
        predicted = 0 if sum(ls) % 2 else round(count_by_quadrature(ls, equal))
        assert count_invariants(ls, equal) == predicted, (ls, equal)
        assert len(couple(ls, equal).coefficients) == predicted, (ls, equal)
        seen += predicted
    assert seen > 0


@pytest.mark.parametrize(
    ("ls", "equal"),
    [
        ((6, 6, 6, 6), (0, 0, 0, 0)),
        ((5, 5, 6, 6), (0, 0, 2, 2)),
        ((2, 4, 5, 7), (0, 1, 2, 3)),
        ((8, 8, 8), (0, 0, 0)),
    ],
)
def test_counts_agree_for_large_degrees(ls, equal):
    assert len(couple(ls, equal).coefficients) == round(count_by_quadrature(ls, equal)) > 0


def test_known_counts():
    assert count_invariants((1, 1, 1, 1), (0, 0, 0, 0)) == 1  # (v.v)^2 is the only quartic of one vector
    assert count_invariants((1, 1, 1, 1), (0, 1, 2, 3)) == 3  # (a.b)(c.d) and its two partners
    assert count_invariants((1, 1, 2), (0, 0, 2)) == 1
    assert count_invariants((1, 1, 1), (0, 1, 2)) == 0  # a.(b x c) changes sign under inversion
    assert count_invariants((2, 2, 2, 2), (0, 0, 0, 0)) == 1  # invariants of a quadrupole: Q2, Q3; Q2^2


CASES = [
    ((0,), (0,)), ((2, 2), (0, 0)), ((3, 3), (0, 1)), ((1, 2, 3), (0, 1, 2)), ((2, 2, 2), (0, 0, 0)),
    ((1, 1, 2, 2), (0, 0, 2, 2)), ((2, 2, 2, 2), (0, 1, 2, 2)), ((1, 1, 2, 4), (0, 0, 2, 3)),
    ((3, 3, 3, 3), (0, 0, 0, 0)), ((1, 2, 2, 3), (0, 1, 1, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("ls", "equal"), CASES)
def test_polynomials_are_invariant(ls, equal):
    rng = np.random.default_rng(11)
    rotation = Rotation.random(random_state=2).as_matrix()
    coupling = couple(ls, equal)
    before = [rng.normal(size=2 * l + 1) for l in ls]
    after = [representation(l, rotation) @ a for l, a in zip(ls, before, strict=True)]

    def evaluate(a):
        l = np.array(ls)[coupling.factor]
        factors = np.array([[a[f][m + k] for f, m, k in zip(*row, strict=True)]
                            for row in zip(coupling.factor, coupling.m, l, strict=True)])  # fmt: skip
        return coupling.coefficients @ factors.prod(axis=1)

    assert len(coupling.coefficients) > 0
    np.testing.assert_allclose(evaluate(after), evaluate(before), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("ls", "equal"), CASES)
def test_rows_are_orthonormal_as_symmetric_tensors(ls, equal):
    """Spread each merged coefficient over the arrangements of its monomial: plain inner products follow."""
    coupling = couple(ls, equal)
    tensors = np.zeros((len(coupling.coefficients), *(2 * l + 1 for l in ls)))
    groups = [[position for position, first in enumerate(equal) if first == group] for group in equal]
    for column, (factor, m) in enumerate(zip(coupling.factor, coupling.m, strict=True)):
        wanted = Counter(zip(factor.tolist(), m.tolist(), strict=True))
        cells = [
            cell
            for cell in product(*(range(-l, l + 1) for l in ls))
            if Counter((groups[t][0], cell[t]) for t in range(len(ls))) == wanted
        ]
        for cell in cells:
            tensors[:, *(k + l for k, l in zip(cell, ls, strict=True))] = coupling.coefficients[
                :, column
            ] / len(cells)
    flat = tensors.reshape(len(tensors), -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-12)


def test_monomials_of_equal_labels_are_merged():
    coupling = couple((4, 4, 4, 4), (0, 0, 0, 0))
    rows = np.sort(coupling.m, axis=1)
    assert len(np.unique(rows, axis=0)) == len(rows) < 9**4 / factorial(4) * 2
    assert np.all(coupling.factor == 0)
