"""Triangular factors by kind of label and by group of configurations: all that is kept of the data.

Energies, forces and virials are folded apart, each with unit weight, and so are groups of configurations.
What is tried afterwards (weights of the kinds, priors, noise, errors of groups held out) costs a few merges
of triangles and no second pass over the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atomsmith.data.units import GPA_PER_EV_A3
from atomsmith.errors import InputError
from atomsmith.fitting.rows.factor import TriangularFactor, merge_factors
from atomsmith.fitting.weights import KINDS, KindWeights
from atomsmith.systems import FloatArray


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Rows of one kind.

    Attributes
    ----------
    rows
        Design rows, shape (m, n).
    targets
        Labels less what no coefficient scales, shape (m,).
    scales
        Factors of the rows, in units of the weight of the kind, shape (m,).
    unit_squares
        Sum over the rows of each configuration of (scale * u)^2, where a residual divided by u is what errors
        are told of: u is the number of atoms for an energy, 1 for a force, the volume for a virial.
    """

    rows: FloatArray
    targets: FloatArray
    scales: FloatArray
    unit_squares: FloatArray


@dataclass(frozen=True)
class KindErrors:
    """Root mean square errors; None where there is no such label.

    Each configuration counts as its rows do in a fit: with the default weights an energy or stress counts in
    proportion to the number of atoms (a stress also to the volume of one), every force alike.

    Attributes
    ----------
    energy
        Energy per atom in meV.
    forces
        Force components in eV/angstrom.
    stress
        Stress components in GPa.
    """

    energy: float | None
    forces: float | None
    stress: float | None

    @classmethod
    def from_sums(cls, squares: Mapping[str, float], units: Mapping[str, float]) -> KindErrors:
        """From sums of squared residuals and of `LabelledRows.unit_squares` by kind."""
        scale = {"energy": 1.0e3, "forces": 1.0, "virial": GPA_PER_EV_A3}
        return cls(
            *(
                float(scale[kind] * np.sqrt(squares[kind] / units[kind])) if units[kind] > 0.0 else None
                for kind in KINDS
            )
        )


class KindFactors:
    """Factors of the rows of each kind, of some configurations.

    Parameters
    ----------
    n_features
        Number of columns n.
    """

    def __init__(self, n_features: int) -> None:
        self.factors = {kind: TriangularFactor(n_features) for kind in KINDS}
        self.unit_squares = dict.fromkeys(KINDS, 0.0)
        self.n_configurations = 0
        self.n_labels = 0

    @property
    def n_rows(self) -> int:
        """Rows of all kinds; labels without a weight have none."""
        return sum(factor.n_rows for factor in self.factors.values())

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(factor.nbytes for factor in self.factors.values())

    def fold(self, rows: Mapping[str, LabelledRows], n_configurations: int, n_labels: int) -> None:
        """Add the rows of some configurations with so many labels in all."""
        for kind, found in rows.items():
            self.factors[kind].fold(found.rows, found.targets, found.scales)
            for one in found.unit_squares:  # in this order, whatever the company
                self.unit_squares[kind] += float(one)
        self.n_configurations += n_configurations
        self.n_labels += n_labels

    def merge(self, other: KindFactors) -> None:
        """Add all rows of other configurations."""
        for kind in KINDS:
            self.factors[kind].merge(other.factors[kind])
            self.unit_squares[kind] += other.unit_squares[kind]
        self.n_configurations += other.n_configurations
        self.n_labels += other.n_labels

    def compact(self) -> KindFactors:
        """Give back memory, see `TriangularFactor.compact`; returns itself."""
        for factor in self.factors.values():
            factor.compact()
        return self

    def transformed(self, blocks: Sequence[tuple[int, FloatArray]]) -> KindFactors:
        """Return the factors of the same rows with other columns, see `TriangularFactor.transformed`."""
        result = KindFactors(self.factors["energy"].n_features)
        result.factors = {kind: factor.transformed(blocks) for kind, factor in self.factors.items()}
        result.unit_squares = dict(self.unit_squares)
        result.n_configurations, result.n_labels = self.n_configurations, self.n_labels
        return result

    def weighted(self, weights: KindWeights) -> Iterator[TriangularFactor]:
        """Factors of the kinds that have rows and a weight, scaled by it."""
        for kind in ("forces", "virial", "energy"):
            if self.factors[kind].n_rows and weights[kind] > 0.0:
                yield self.factors[kind].scaled(weights[kind])

    def squares(self, coefficients: FloatArray) -> dict[str, float]:
        """Sum of squared residuals of each kind, with unit weight."""
        return {kind: f.predicted_sum_of_squares(coefficients) for kind, f in self.factors.items()}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """State as plain arrays."""
        arrays: dict[str, NDArray[Any]] = {
            "counts": np.array([self.n_configurations, self.n_labels], dtype=np.int64),
            "unit_squares": np.array([self.unit_squares[kind] for kind in KINDS]),
        }
        for kind, factor in self.factors.items():
            arrays |= {f"{kind}/{name}": array for name, array in factor.to_arrays().items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> KindFactors:
        """Rebuild from `to_arrays`, bit for bit."""
        result = cls(1)
        for kind in KINDS:
            mark = f"{kind}/"
            own = {name.removeprefix(mark): array for name, array in arrays.items() if name.startswith(mark)}
            result.factors[kind] = TriangularFactor.from_arrays(own)
        result.unit_squares = dict(zip(KINDS, map(float, arrays["unit_squares"]), strict=True))
        result.n_configurations, result.n_labels = map(int, arrays["counts"])
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as plain arrays."""
        return type(self).from_arrays, (self.to_arrays(),)


@dataclass(eq=False)
class Group:
    """Factors of one group: of its full leaves, and of the leaf that is still being filled.

    Leaves end at fixed numbers of rows (`atomsmith.fitting.rows.streaming`). Rows of the open one wait in its
    factors so that configurations added later give the same bits as all given at once.
    """

    closed: KindFactors
    open: KindFactors

    @property
    def parts(self) -> tuple[KindFactors, KindFactors]:
        """Both, in the order of their rows."""
        return self.closed, self.open


class FactorSet:
    """Factors by group of configurations and kind of label.

    With 3 kinds and g groups of n features this is at most 12 g n^2 numbers, and 6 g n^2 after `compact`.

    Parameters
    ----------
    n_features
        Number of columns n.
    n_groups
        Groups of configurations; each can be predicted from the others.
    """

    def __init__(self, n_features: int, n_groups: int) -> None:
        self.n_features = n_features
        self.groups = [Group(KindFactors(n_features), KindFactors(n_features)) for _ in range(n_groups)]

    @property
    def n_configurations(self) -> int:
        """Configurations in all groups."""
        return sum(part.n_configurations for part in self._parts(self.groups))

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(part.nbytes for part in self._parts(self.groups))

    def n_rows(self, weights: KindWeights | None = None) -> int:
        """Rows of all groups; with weights, only those of kinds that have one."""
        return sum(
            part.factors[kind].n_rows
            for part in self._parts(self.groups)
            for kind in KINDS
            if weights is None or weights[kind] > 0.0
        )

    def compact(self) -> FactorSet:
        """Give back memory, see `TriangularFactor.compact`; returns itself."""
        for part in self._parts(self.groups):
            part.compact()
        return self

    def combine(self, weights: KindWeights) -> TriangularFactor:
        """Factor of all rows with the weights given.

        Raises
        ------
        InputError
            Where no row has a weight.
        """
        found = self.by_group(weights)
        if not found:
            raise InputError(
                "No configuration has a label with a weight above zero; give energies, forces or stresses."
            )
        return merge_factors(found.values())

    def transformed(self, blocks: Sequence[tuple[int, FloatArray]]) -> FactorSet:
        """Return the factors of the same rows with other columns, see `TriangularFactor.transformed`."""
        result = FactorSet(self.n_features, 0)
        result.groups = [
            Group(group.closed.transformed(blocks), group.open.transformed(blocks)) for group in self.groups
        ]
        return result

    def by_group(self, weights: KindWeights) -> dict[int, TriangularFactor]:
        """Factor of each group with the weights given; groups without a row are left out."""
        found = {}
        for index, group in enumerate(self.groups):
            factors = [factor for part in group.parts for factor in part.weighted(weights)]
            if factors:
                found[index] = _sum(factors)
        return found

    def held_out_errors(self, coefficients: Mapping[int, FloatArray]) -> KindErrors:
        """Errors over the groups, each with coefficients of its own.

        Parameters
        ----------
        coefficients
            Shape (n,), by the group that they are to predict; as a rule fitted to all others.
        """
        return self._errors([(self.groups[index], c) for index, c in coefficients.items()])

    def errors(self, coefficients: FloatArray) -> KindErrors:
        """Errors of one set of coefficients, shape (n,), over all groups."""
        return self._errors([(group, coefficients) for group in self.groups])

    def column_norms(self, kind: str) -> FloatArray:
        """Norms of the columns of all rows of a kind, with unit weight, shape (n,)."""
        squares = np.zeros(self.n_features)
        for part in self._parts(self.groups):
            squares += part.factors[kind].column_squares
        return np.sqrt(squares)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """State as plain arrays (for ``numpy.savez`` or a store)."""
        arrays: dict[str, NDArray[Any]] = {"n_groups": np.array(len(self.groups))}
        for index, group in enumerate(self.groups):
            for name, part in zip(("closed", "open"), group.parts, strict=True):
                arrays |= {f"{index}/{name}/{key}": array for key, array in part.to_arrays().items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> FactorSet:
        """Rebuild from `to_arrays`, bit for bit."""

        def part(mark: str) -> KindFactors:
            own = {k.removeprefix(mark): array for k, array in arrays.items() if k.startswith(mark)}
            return KindFactors.from_arrays(own)

        groups = [
            Group(part(f"{index}/closed/"), part(f"{index}/open/"))
            for index in range(int(arrays["n_groups"]))
        ]
        result = cls(groups[0].open.factors["energy"].n_features, 0)
        result.groups = groups
        return result

    def copy(self) -> FactorSet:
        """Return an independent copy."""
        return FactorSet.from_arrays(self.to_arrays())

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as plain arrays."""
        return type(self).from_arrays, (self.to_arrays(),)

    @staticmethod
    def _parts(groups: Iterable[Group]) -> Iterator[KindFactors]:
        for group in groups:
            yield from group.parts

    def _errors(self, predicted: Sequence[tuple[Group, FloatArray]]) -> KindErrors:
        squares, units = dict.fromkeys(KINDS, 0.0), dict.fromkeys(KINDS, 0.0)
        for group, coefficients in predicted:
            for part in group.parts:
                for kind, value in part.squares(coefficients).items():
                    squares[kind] += value
                    units[kind] += part.unit_squares[kind]
        return KindErrors.from_sums(squares, units)


def _sum(factors: Sequence[TriangularFactor]) -> TriangularFactor:
    """Merge factors that are not needed any more into the first."""
    for other in factors[1:]:
        factors[0].merge(other)
    return factors[0].compact()
