"""Evaluates a potential on batches of systems: neighbour lists, the engine, and the uncertainty bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from atomsmith import _engine
from atomsmith.elements import SYMBOLS
from atomsmith.errors import InputError
from atomsmith.neighbours import NeighbourList
from atomsmith.prediction import (
    BiasedPrediction,
    CommitteePrediction,
    MemberPrediction,
    Prediction,
    Uncertainty,
)
from atomsmith.systems import FloatArray, IntArray, Systems

if TYPE_CHECKING:
    from atomsmith.potential import Potential


Precision = Literal["float64", "float32"]
"""Numbers in which the engine's sweeps are done."""

NO_COMMITTEE = "The potential has no committee; fit it with committee: 8 or more members."


BLOCK = 8
"""Systems whose bias is computed at once, always as many: matrix products choose the order of their sums by
shape, and a walker shall see the same bits in any company."""


@dataclass(frozen=True, eq=False)
class DescriptorRows:
    """Features of the descriptor of one part, before its regressor, and their gradients.

    N atoms, R rows: one for each atom that an atom's features depend on, the atom itself among them. D is the
    number of features of the species that has most; the last entries of others are 0.

    Attributes
    ----------
    features
        Of every atom, shape (N, D).
    first, atom
        Rows of atom i are ``first[i]:first[i + 1]``, shape (N + 1,); each is of the atom ``atom[row]``, (R,).
    gradients
        Of the features by the position of the row's atom, shape (R, 3, D), 1/angstrom.
    strain
        By the strain of the system, shape (N, 6, D; xx yy zz yz xz xy).
    """

    features: FloatArray
    first: NDArray[np.int64]
    atom: IntArray
    gradients: FloatArray
    strain: FloatArray


class PlanEvaluator:
    """A plan on batches of systems; finds neighbours again only when atoms have moved through the skin.

    Parameters
    ----------
    plan
        Engine plan (docs/architecture.md).
    skin
        Extra reach of the neighbour list in angstrom; 0 for unrelated structures one after the other.
    n_threads
        Threads of the engine; results do not depend on it.
    precision
        Of the sweeps behind energies, forces and virials of coefficient sets. In float32 positions are still
        subtracted, and energies and forces summed, in float64; docs/speed.md states what it gains and loses.
        Features, design rows and the bias are float64 always.

    Raises
    ------
    InputError
        If the plan has parts that are evaluated in float64 only, and float32 is asked for.
    """

    def __init__(
        self,
        plan: dict[str, Any],
        *,
        skin: float = 0.0,
        n_threads: int = 1,
        precision: Precision = "float64",
    ) -> None:
        if precision not in get_args(Precision):
            raise InputError(f"Precision is {precision!r}, but must be float64 or float32.")
        self.model = _engine.Model.from_plan(plan)
        if precision == "float32" and not self.model.single_precision:
            raise InputError(
                "This potential is evaluated in float64 only: float32 is for pair functions, linear ACE and "
                "repulsion, without tabulated radial functions; use precision float64."
            )
        self.elements: Sequence[int] = plan["elements"]
        self.n_threads = n_threads
        self.neighbours = NeighbourList(self.model.cutoff, skin)
        self.precision = precision
        self._batches: dict[str, _engine.Batch] = {}

    def batch(self, systems: Systems, precision: Precision = "float64") -> _engine.Batch:
        """Return the engine's batch, valid for these systems."""
        if self.neighbours.update(systems):
            self._batches.clear()
        if precision not in self._batches:
            if not self.model.local:
                _require_crystals_or_clusters(systems)
            self._batches[precision] = _engine.Batch(
                self.model,
                species_of(systems.numbers, self.elements),
                systems.owner.astype(np.int32),
                systems.n_systems,
                self.neighbours.first,
                self.neighbours.neighbour,
                self.neighbours.shift,
                self.n_threads,
                precision == "float32",
                np.logical_and.reduce(systems.pbc, axis=1),
            )
        return self._batches[precision]

    def weights(self, coefficients: FloatArray) -> _engine.Weights:
        """Coefficient sets, shape (sets, n_features), in the engine's form."""
        return _engine.Weights.from_coefficients(self.model, np.ascontiguousarray(coefficients))

    def predict_sets(
        self, systems: Systems, weights: _engine.Weights
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Per-atom energies (M, N), forces (M, N, 3) and virials (M, S, 3, 3) of every set."""
        batch = self.batch(systems, self.precision)
        return batch.predict(weights, *_geometry(systems), n_threads=self.n_threads)

    def features(self, systems: Systems) -> FloatArray:
        """Features of every atom, shape (N, n_features)."""
        return self.batch(systems).features(*_geometry(systems), n_threads=self.n_threads)

    def feature_sums(self, systems: Systems) -> tuple[FloatArray, FloatArray]:
        """Features summed over each system's atoms (S, n_features), and energies free of parameters (S,)."""
        sums, fixed = self.batch(systems).forward(*_geometry(systems), n_threads=self.n_threads)
        return sums, sum_atoms(fixed, systems)

    def design_rows(self, systems: Systems) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Rows of energy (S, n), forces (3N, n) and virial (6S, n; xx yy zz yz xz xy), columns contiguous."""
        return self.batch(systems).design_rows(*_geometry(systems), n_threads=self.n_threads)

    def radial_rows(
        self, systems: Systems, part: int, coefficients: FloatArray, changes: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Derivatives of energy (S, m), forces (3N, m) and virial (6S, m) by changes of radial functions.

        Parameters
        ----------
        systems
            The batch.
        part
            Which part of the plan; its features are moments of a Chebyshev table.
        coefficients
            Linear ones of all features, shape (n_features,).
        changes
            Shape (pairs, functions, size, size): as many changes of every function as there are polynomials,
            each with the polynomials' coefficients; the columns are the first three axes, flat. Changes that
            are zero cost nothing.
        """
        return self.batch(systems).radial_rows(
            part,
            np.ascontiguousarray(coefficients, dtype=np.float64),
            np.ascontiguousarray(changes, dtype=np.float64),
            *_geometry(systems),
            n_threads=self.n_threads,
        )

    def descriptor_rows(self, systems: Systems, part: int) -> DescriptorRows:
        """Features and gradients of the descriptor of part number ``part`` of the plan."""
        batch = self.batch(systems)
        return DescriptorRows(*batch.descriptor_rows(part, *_geometry(systems), n_threads=self.n_threads))


class Evaluator(PlanEvaluator):
    """A potential as an `atomsmith.prediction.UncertainForceField`."""

    def __init__(
        self,
        potential: Potential,
        *,
        skin: float = 0.5,
        n_threads: int = 1,
        precision: Precision = "float64",
    ) -> None:
        super().__init__(potential.plan, skin=skin, n_threads=n_threads, precision=precision)
        self.potential = potential
        mean = potential.coefficients[None]
        self._offsets = potential.committee - mean if self.n_members else np.zeros_like(mean)
        self._mean = self.weights(mean)
        self._committee = self._members = None
        if self.n_members:
            self._committee = self.weights(np.concatenate([mean, potential.committee]))
            self._members = self.weights(potential.committee)

    @property
    def n_members(self) -> int:
        """Members of the committee."""
        return len(self.potential.committee)

    def predict(self, systems: Systems) -> Prediction:
        """Energy, forces and virial of every system."""
        energies, forces, virial = self.predict_sets(systems, self._mean)
        return Prediction(sum_atoms(energies[0], systems), energies[0], forces[0], virial[0])

    def predict_committee(self, systems: Systems) -> CommitteePrediction:
        """Mean model and every committee member, from one sweep over the basis."""
        if self._committee is None:
            raise InputError(NO_COMMITTEE)
        energies, forces, virial = self.predict_sets(systems, self._committee)
        energy = np.stack([sum_atoms(set_, systems) for set_ in energies])
        return CommitteePrediction(
            mean=Prediction(energy[0], energies[0], forces[0], virial[0]),
            members=MemberPrediction(energy[1:], forces[1:], virial[1:]),
        )

    def predict_members(self, systems: Systems) -> MemberPrediction:
        """Energy, forces and virial of every committee member."""
        if self._members is None:
            raise InputError(NO_COMMITTEE)
        energies, forces, virial = self.predict_sets(systems, self._members)
        return MemberPrediction(np.stack([sum_atoms(set_, systems) for set_ in energies]), forces, virial)

    def predict_biased(
        self, systems: Systems, tau: FloatArray, uncertainty: Uncertainty = "committee"
    ) -> BiasedPrediction:
        """Unbiased energy and sigma; forces and virial of E - tau sigma.

        The model is linear: with the features b summed over a system, E = c.b and E_k = c_k.b, so that
        -grad (E - tau sigma) is one backward sweep with the coefficients c - tau d, where for the committee
        d = sum_k (E_k - E)(c_k - c) / (K sigma), and for the exact posterior d = Sigma b / sigma.
        """
        sums, fixed = self.feature_sums(systems)
        exact = uncertainty == "posterior"
        derivative = self._posterior_derivative if exact else self._committee_derivative
        energy, sigma, coefficients = np.empty(len(sums)), np.empty(len(sums)), np.empty_like(sums)
        for start in range(0, len(sums), BLOCK):
            some = slice(start, start + BLOCK)
            count = len(sums[some])
            block = np.zeros((BLOCK, sums.shape[1]))
            block[:count] = sums[some]
            std, direction = derivative(block)
            energy[some] = (block @ self.potential.coefficients)[:count]
            sigma[some] = std[:count]
            coefficients[some] = self.potential.coefficients - tau[some, None] * direction[:count]
        _, forces, virial = self.batch(systems).backward(
            coefficients, *_geometry(systems), n_threads=self.n_threads
        )
        return BiasedPrediction(energy + fixed, sigma, forces, virial)

    def _posterior_derivative(self, sums: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Sigma (S,) of the exact posterior and its derivative by the feature sums (S, n)."""
        posterior = self.potential.posterior
        if posterior is None:
            raise InputError("The potential has no posterior; use uncertainty: committee, or fit it again.")
        return posterior.std_and_direction(sums)

    def _committee_derivative(self, sums: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Sigma (S,) of the committee and its derivative by the feature sums (S, n)."""
        if not self.n_members:
            raise InputError(NO_COMMITTEE)
        deviation = sums @ self._offsets.T
        sigma = np.sqrt(np.square(deviation).mean(axis=1))
        safe = np.where(sigma > 0.0, sigma, np.inf)[:, None]
        return sigma, (deviation / (self.n_members * safe)) @ self._offsets


def _require_crystals_or_clusters(systems: Systems) -> None:
    mixed = np.flatnonzero(systems.pbc.any(axis=1) & ~systems.pbc.all(axis=1))
    if len(mixed):
        axes = ", ".join("abc"[k] for k in np.flatnonzero(systems.pbc[mixed[0]]))
        raise InputError(
            f"System {mixed[0]} is periodic along {axes} only, but lattice sums of inverse powers need a "
            "system that is periodic along all lattice vectors or along none; make it periodic with a layer "
            "of vacuum."
        )


def species_of(numbers: IntArray, elements: Sequence[int]) -> IntArray:
    """Index of each atom's element in ``elements``, shape (N,).

    Raises
    ------
    InputError
        If an atom's element is not among them.
    """
    lookup = np.full(max(int(numbers.max(initial=0)), *elements) + 1, -1, dtype=np.int32)
    lookup[list(elements)] = np.arange(len(elements))
    species = lookup[numbers]
    unknown = np.flatnonzero(species < 0)
    if len(unknown):
        known = ", ".join(SYMBOLS[z] for z in elements)
        raise InputError(
            f"Atom {unknown[0]} is {SYMBOLS[numbers[unknown[0]]]}, which the potential does not know; it was "
            f"made for {known}."
        )
    return species


def sum_atoms(values: FloatArray, systems: Systems) -> FloatArray:
    """Sum over each system's atoms, shape (S,)."""
    starts = systems.first[:-1]
    some = systems.first[1:] > starts
    if some.all() and len(starts):
        total: FloatArray = np.add.reduceat(values, starts)
        return total
    total = np.zeros(len(starts))
    if some.any():
        total[some] = np.add.reduceat(values, starts[some])
    return total


def _geometry(systems: Systems) -> tuple[FloatArray, FloatArray]:
    return (
        np.ascontiguousarray(systems.positions, dtype=np.float64),
        np.ascontiguousarray(systems.cells, dtype=np.float64),
    )
