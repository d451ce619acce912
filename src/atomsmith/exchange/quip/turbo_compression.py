"""Which products of densities are the features of soap_turbo: all, those that a file lists, or a recipe's.

Compression by orders nu_R and nu_S: Darby, Kermode, Csanyi, npj Comput. Mater. 8, 166 (2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from atomsmith.data.files import read_text
from atomsmith.errors import InputError
from atomsmith.exchange.quip.compression import Compression
from atomsmith.exchange.quip.keys import INSTEAD
from atomsmith.systems import FloatArray, IntArray

_ORDERS = {f"{radial}_{species}": (radial, species) for radial in range(3) for species in range(3)}


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Products of rows, each for every l.

    Attributes
    ----------
    mixing
        Rows as sums of radial functions of all species, shape (rows, functions); None: rows are these.
    products
        Pairs of rows, shape (p, 2).
    weights
        Factors, shape (p, l_max + 1); 0 where a product has no feature for l.
    columns
        Component of a sparse point for each product and l, -1 where there is none, shape (p * (l_max + 1),).
    """

    mixing: FloatArray | None
    products: IntArray
    weights: FloatArray
    columns: IntArray

    def points(self, given: FloatArray) -> FloatArray:
        """Sparse points as features, shape (M, p * (l_max + 1))."""
        size = int(self.columns.max()) + 1
        if given.shape[1] != size:
            raise InputError(
                f"soap_turbo: sparse points have {given.shape[1]} components, but its settings give {size}; "
                "the files do not belong together."
            )
        padded = np.concatenate([given, np.zeros((len(given), 1))], axis=1)
        found: FloatArray = padded[:, self.columns]
        return found


def spectrum_of(
    counts: Sequence[int], l_max: int, folder: Path, file: str | None, mode: str | None
) -> Spectrum:
    """Products that are features.

    Parameters
    ----------
    counts
        Radial functions of each species.
    l_max
        Largest angular degree.
    folder, file
        Where the list of components lies, if there is one.
    mode
        A recipe, if there is one.
    """
    if file is not None:
        return _selected(counts, l_max, _listed(folder / Path(file).name, counts, l_max))
    if mode in _ORDERS:
        return _of_orders(counts, l_max, *_ORDERS[mode])
    first, second = np.triu_indices(sum(counts))
    chosen = np.ones(len(first), dtype=bool)
    if mode is not None:
        if mode.lower() != "trivial":
            raise InputError(f"soap_turbo with compress_mode={mode} is not supported; {INSTEAD}.")
        pivots = np.cumsum([0, *counts[:-1]])
        chosen = np.isin(first, pivots) | np.isin(second, pivots)
    return _selected(counts, l_max, np.flatnonzero(np.repeat(chosen, l_max + 1)).astype(np.int32))


def _selected(counts: Sequence[int], l_max: int, components: IntArray) -> Spectrum:
    """Components of the whole spectrum, in which l runs fastest, then the second radial function."""
    size, pairs = l_max + 1, np.stack(np.triu_indices(sum(counts)), axis=1)
    used, place = np.unique(components // size, return_inverse=True)
    columns = np.full(len(used) * size, -1, dtype=np.int32)
    columns[place * size + components % size] = np.arange(len(components))
    products = pairs[used].astype(np.int32)
    factors = np.where(products[:, 0] == products[:, 1], 1.0, np.sqrt(2.0))
    weights = factors[:, None] * (columns.reshape(-1, size) >= 0)
    return Spectrum(None, products, weights, columns)


def _of_orders(counts: Sequence[int], l_max: int, radial: int, species: int) -> Spectrum:
    if len(set(counts)) != 1:
        raise InputError("soap_turbo: compression by orders needs the same alpha_max for all species.")
    n = counts[0]
    made = Compression(radial_order=radial, species_order=species).products(range(len(counts)), n)
    pairs, size = made.pairs, l_max + 1
    # Where both factors are equal, the file has the first of a pair as the slower index, not the second.
    slow, fast = pairs.min(axis=1), pairs.max(axis=1)
    rank = np.argsort(np.lexsort((fast, slow)))
    columns = (rank[:, None] * size + np.arange(size)).reshape(-1).astype(np.int32)
    weights = np.repeat(made.factors[:, None], size, axis=1)
    return Spectrum(made.rows.reshape(len(made.rows), -1), pairs, weights, columns)


def _listed(path: Path, counts: Sequence[int], l_max: int) -> IntArray:
    """Components that a file lists, from 0; it begins with the sizes that it is for and their number."""
    words = read_text(path).split()
    try:
        head = [int(word) for word in words[: len(counts) + 2]]
        if "P_transformation" in words:
            components = _transformed(words[len(counts) + 3 :])
        else:
            listed = [int(word) for word in words[len(counts) + 2 :]][: head[len(counts) + 1]]
            components = np.array(listed, dtype=np.int32) - 1
    except (ValueError, IndexError):
        raise InputError(
            f"{path}: not a list of components of soap_turbo (n_max of each species, l_max, their number, "
            f"then a component a line), or one that mixes them, which is not supported; {INSTEAD}."
        ) from None
    total = sum(counts) * (sum(counts) + 1) // 2 * (l_max + 1)
    once = len(components) > 0 and len(np.unique(components)) == len(components)
    if not once or components.min() < 0 or components.max() >= total:
        raise InputError(f"{path}: its components are not different ones between 1 and {total}.")
    return components


def _transformed(words: Sequence[str]) -> IntArray:
    """Components of a linear transformation that only selects: lines of row, column and 1."""
    numbers = np.array(words[: words.index("end_transformation")]).reshape(-1, 3)
    rows, columns = numbers[:, 0].astype(np.int64), numbers[:, 1].astype(np.int64)
    order = np.argsort(rows)
    if np.any(numbers[:, 2].astype(np.float64) != 1.0) or np.any(rows[order] != np.arange(len(rows)) + 1):
        raise ValueError
    selected: IntArray = (columns[order] - 1).astype(np.int32)
    return selected
