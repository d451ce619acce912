"""Invariant, permutation-symmetric polynomials of the one-particle basis A_{znlm}.

For a multiset of N labels (z, n, l), the products prod_t A_{z_t n_t l_t m_t} over all m span a representation
of O(3) whose invariants are the coupled ACE functions (Dusson et al., J. Comput. Phys. 454, 110946 (2022),
sec. 4). A coupling depends on the degrees l and on which labels are equal only: made once and remapped.
"""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import scipy.linalg
import scipy.special

from atomsmith.descriptors.harmonics import real_coupling
from atomsmith.systems import FloatArray, IntArray

RANK_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Coupling:
    """An independent set of invariants of a multiset of N labels, as polynomials in A.

    Attributes
    ----------
    factor
        Position of the label (0 .. N-1) of every factor of every monomial, shape (n_monomials, N); of several
        equal labels the first one stands for all.
    m
        Order m of every factor, shape (n_monomials, N).
    coefficients
        Shape (n_invariants, n_monomials); rows are orthonormal in the rotation-invariant inner product of
        symmetric tensors.
    """

    factor: IntArray
    m: IntArray
    coefficients: FloatArray


def _coupled_tensors(ls: tuple[int, ...]) -> FloatArray:
    """All invariant tensors of V_l1 x ... x V_lN, N <= 4: shape (n, 2 l1 + 1, ..., 2 lN + 1).

    N = 4 couples (l1 l2) L with (l3 l4) L; the L label an orthonormal basis of the invariant tensors. Odd
    l1 + l2 + L (pseudo-tensors) are kept: they come in pairs and the product is even under inversion.
    """
    shape = tuple(2 * l + 1 for l in ls)
    if sum(ls) % 2 == 1:  # odd under inversion
        return np.zeros((0, *shape))
    if len(ls) == 1:
        return np.ones((1, 1)) if ls[0] == 0 else np.zeros((0, *shape))
    if len(ls) == 2:
        return np.eye(shape[0])[None] / np.sqrt(shape[0]) if ls[0] == ls[1] else np.zeros((0, *shape))
    if len(ls) == 3:
        admissible = abs(ls[0] - ls[1]) <= ls[2] <= ls[0] + ls[1]
        return real_coupling(*ls)[None] / np.sqrt(shape[2]) if admissible else np.zeros((0, *shape))
    low = max(abs(ls[0] - ls[1]), abs(ls[2] - ls[3]))
    high = min(ls[0] + ls[1], ls[2] + ls[3])
    tensors = [
        np.tensordot(real_coupling(ls[0], ls[1], l), real_coupling(ls[2], ls[3], l), axes=(2, 2))
        / np.sqrt(2 * l + 1)
        for l in range(low, high + 1)
    ]
    return np.array(tensors).reshape(-1, *shape)


@cache
def couple(ls: tuple[int, ...], equal: tuple[int, ...]) -> Coupling:
    """Independent O(3)- and permutation-invariant couplings of labels with degrees ``ls``.

    Parameters
    ----------
    ls
        Degree l of each of the N labels, 1 <= N <= 4.
    equal
        For each label the position of the first label equal to it; (0, 0, 2) for labels (a, a, b).
    """
    tensors = _coupled_tensors(ls)
    occupied = np.argwhere(np.any(tensors != 0.0, axis=0))
    values = tensors[:, *occupied.T]
    offsets = np.concatenate([[0], np.cumsum([2 * l + 1 for l in ls])])
    # Factors of equal labels become indistinguishable once they share an offset: merging equal sorted rows
    # is the symmetrisation over permutations.
    rows = np.sort(occupied + offsets[list(equal)], axis=1)
    monomials, inverse = np.unique(rows, axis=0, return_inverse=True)
    merged = np.zeros((len(tensors), len(monomials)))
    np.add.at(merged.T, inverse.reshape(-1), values.T)
    # A symmetric tensor repeats its entry once per arrangement: norm^2 = sum merged^2 / arrangements.
    weight = np.sqrt(_arrangements(monomials, offsets, equal))
    basis = _independent_rows(merged / weight) * weight
    used = np.any(basis != 0.0, axis=0)
    monomials, basis = monomials[used], np.ascontiguousarray(basis[:, used])
    factor = np.searchsorted(offsets, monomials, side="right") - 1
    m = monomials - offsets[factor] - np.array(ls)[factor]
    return Coupling(factor.astype(np.int32), m.astype(np.int32), basis)


def _arrangements(monomials: IntArray, offsets: IntArray, equal: tuple[int, ...]) -> FloatArray:
    """Number of index tuples of the unsymmetrised tensor that merge into each monomial, shape (n,)."""
    total = float(np.prod([scipy.special.factorial(count) for count in Counter(equal).values()]))
    repeats = np.ones(len(monomials))
    run = np.ones(len(monomials))
    for left, right in pairwise(monomials.T):
        run = np.where(left == right, run + 1.0, 1.0)
        repeats *= run
    return total / repeats


def _independent_rows(rows: FloatArray) -> FloatArray:
    """Orthonormal basis of the row space, by QR with pivoting (keeps sparse rows sparse where it can)."""
    if rows.size == 0:
        return rows[:0]
    q, r, _ = scipy.linalg.qr(rows.T, mode="economic", pivoting=True)
    rank = int(np.count_nonzero(np.abs(np.diag(r)) > RANK_TOLERANCE))
    basis: FloatArray = np.ascontiguousarray(q.T[:rank])
    basis[np.abs(basis) < 1e-12] = 0.0
    return basis


@cache
def count_invariants(ls: tuple[int, ...], equal: tuple[int, ...]) -> int:
    """Number of independent invariants of a multiset of labels, from representation theory alone.

    The multiplicity of the trivial representation in the product, over distinct labels, of the symmetric
    powers Sym^k(V_l): the integral of the character over SO(3) with Weyl's measure. As a character is a
    Laurent polynomial in exp(i phi), the integral is (number of weights 0) - (number of weights 1), in
    integers. The parity under inversion is (-1)^(sum l). Arguments as for `couple`.
    """
    if sum(ls) % 2 == 1:
        return 0
    weights = [1]  # multiplicities of the weights -M .. M
    for first, power in Counter(equal).items():
        weights = _multiply(weights, _symmetric_power_weights(ls[first], power))
    centre = len(weights) // 2
    return weights[centre] - (weights[centre + 1] if centre + 1 < len(weights) else 0)


def _multiply(a: list[int], b: list[int]) -> list[int]:
    product = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            product[i + j] += x * y
    return product


def _symmetric_power_weights(l: int, power: int) -> list[int]:
    """Multiplicity of each weight -power l .. power l in Sym^power(V_l)."""
    # table[k][w]: ways to choose k of the m's seen so far, with repetition, that sum to w - k l.
    table = [[1]] + [[0] * (2 * l * k + 1) for k in range(1, power + 1)]
    for shifted_m in range(2 * l + 1):
        for k in range(1, power + 1):
            for w, ways in enumerate(table[k - 1]):
                table[k][w + shifted_m] += ways
    return table[power]
