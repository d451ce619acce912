"""What a fit starts from: its data, the model that they shape, and what is known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from atomsmith.data.dataset import Dataset
from atomsmith.data.neighbours import pair_distances
from atomsmith.data.shells import pair_shells, typical_cutoff
from atomsmith.elements import SYMBOLS, number_of
from atomsmith.errors import InputError
from atomsmith.fitting.rows.design import number_of_labels
from atomsmith.fitting.settings import PotentialSettings, ReferenceEnergies
from atomsmith.fitting.solvers.elimination import Elimination
from atomsmith.fitting.solvers.prior import Prior, standardised
from atomsmith.model import (
    Distances,
    Model,
    build_model,
    candidate_functions,
    is_open,
    sized_by_data,
    warranted_functions,
)
from atomsmith.systems import BoolArray, FloatArray

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration
    from atomsmith.fitting.trainers.training import TrainedTerm

COINCIDENT = 0.1
"""Distance in angstrom below which two atoms are a slip in the data; nuclei do not come this close."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Data and model of a fit, before any row is made.

    Attributes
    ----------
    data
        All configurations.
    rows_of
        Those that rows are made of: without isolated atoms where these give the reference energies.
    settings
        With the cutoffs and degrees that were left to the data.
    model, distances
        The basis, and the distances in the data that shape it.
    reference, held
        See `reference_energies`.
    trained
        Terms that are not linear in their parameters, as far as they are trained; their parts are in the
        model.
    untrained
        The model with the descriptors of all terms, before any training; None: as it is.
    turns
        Records of rounds in which the terms were fitted in turn.
    """

    data: Dataset
    rows_of: Sequence[Configuration]
    settings: PotentialSettings
    model: Model
    distances: Distances
    reference: FloatArray
    held: bool
    trained: tuple[TrainedTerm, ...] = ()
    untrained: Model | None = None
    turns: tuple[dict[str, Any], ...] = ()

    @property
    def bare_model(self) -> Model:
        """The model with the descriptors of all terms, before any training."""
        return self.untrained or self.model

    @property
    def known(self) -> FloatArray:
        """Coefficients known beforehand, zero elsewhere: reference energies, and what trainings found."""
        known = np.zeros(len(self.model.features))
        known[: len(self.reference)] = self.reference
        for one in self.trained:
            if one.coefficients is not None:
                known[self.model.term == one.term] = one.coefficients
        return known

    @property
    def held_features(self) -> BoolArray:
        """Features whose coefficients the fit does not change."""
        given = [one.term for one in self.trained if one.coefficients is not None]
        held: BoolArray = np.isin(self.model.term, given) | ((self.model.term < 0) & self.held)
        return held

    def with_trained(self, found: TrainedTerm) -> Problem:
        """Return the problem with a trained term, in place of what an earlier training found."""
        others = tuple(one for one in self.trained if one.term != found.term)
        return replace(
            self,
            model=self.model.with_part(found.term, found.part),
            trained=(*others, found),
            untrained=self.bare_model,
        )

    def without_kept(self) -> Problem:
        """Return the problem without what trainings keep for later ones: it may be large."""
        return replace(self, trained=tuple(replace(one, kept=None) for one in self.trained))

    def without_terms(self, terms: Sequence[int]) -> Problem:
        """Return the problem without some terms."""
        return replace(
            self,
            model=self.model.without_terms(terms),
            trained=tuple(one for one in self.trained if one.term not in terms),
        )

    @classmethod
    def of(
        cls,
        train: Dataset | Sequence[Configuration],
        settings: PotentialSettings,
        elements: Sequence[int] | None = None,
    ) -> Problem:
        """Look through the data and build the model.

        Raises
        ------
        InputError
            If there is no configuration, atoms coincide, or reference energies are missing.
        """
        data = train if isinstance(train, Dataset) else Dataset(train)
        if len(data) == 0:
            raise InputError("There is no configuration to fit; give at least one labelled configuration.")
        bonded = Dataset(c for c in data if not c.is_isolated_atom)
        if elements is None:  # functions of others would take the place of those that data tell of
            data = data.without_lone_elements()
            elements = data.elements
        chosen = tuple(elements)
        distances = distances_of(data, chosen)
        n_rows = sum(number_of_labels(c) for c in data)
        settings = _sized(settings, len(chosen), n_rows, typical_cutoff(data))
        model = build_model(settings.model, chosen, distances)
        reference, held = reference_energies(data, chosen, settings.reference_energies)
        return cls(data, bonded if held else data, settings, model, distances, reference, held)


def _sized(settings: PotentialSettings, n_elements: int, n_rows: int, cutoff: float) -> PotentialSettings:
    """Settle what the model and a sparse solver leave to the data."""
    solver = settings.solver
    wanted = candidates = warranted_functions(n_elements, n_rows)
    if isinstance(solver, Elimination):
        if solver.functions is None and is_open(settings.model):
            solver = solver.model_copy(update={"functions": wanted})
        candidates = candidate_functions(max(wanted, solver.functions or 0))
    sized = sized_by_data(settings.model, n_elements, wanted, candidates, cutoff)
    return settings.model_copy(update={"model": sized, "solver": solver})


def prior_of(model: Model, settings: PotentialSettings, held: bool | BoolArray, scale: FloatArray) -> Prior:
    """Smoothness prior of the terms; reference energies free, unless they are known and thus held.

    ``held`` says that of the reference energies, or of every feature, shape (n,). Features of terms without a
    natural scale (`TermSettings.standardised`) are put on one by the data: by ``scale``, see `feature_scale`.
    """
    width = np.array([1.0] + [getattr(term.regressor, "prior_scale", 1.0) for term in settings.model.terms])
    penalty = model.features.smoothness / width[model.term + 1]
    for index, term in enumerate(settings.model.terms):
        own = model.term == index
        if term.standardised:
            penalty[own] *= standardised(scale[own])
    references = model.term < 0
    fixed = held if isinstance(held, np.ndarray) else references & held
    return Prior.create(penalty, free=references & ~fixed, held=fixed)


def reference_energies(
    data: Dataset, elements: Sequence[int], settings: ReferenceEnergies
) -> tuple[FloatArray, bool]:
    """Energies taken off the targets, by element in eV, and whether they are known rather than a first guess.

    Raises
    ------
    InputError
        If isolated atoms are asked for and some element has none, or a name is not an element.
    """
    known = {} if settings.source == "fitted" else dict(data.isolated_atom_energies())
    if settings.source != "fitted":
        known |= {number_of(symbol): energy for symbol, energy in settings.values.items()}
    missing = [z for z in elements if z not in known]
    if not missing:
        return np.array([known[z] for z in elements]), True
    if settings.source == "isolated":
        raise InputError(
            "reference_energies.source is isolated, but no isolated-atom energy is known of "
            f"{', '.join(SYMBOLS[z] for z in missing)}; add them to reference_energies.values or to the "
            "data as single atoms, or use source: fitted."
        )
    labelled = [c for c in data if c.energy is not None]
    if not labelled:
        return np.zeros(len(elements)), False
    counts = np.array([[np.count_nonzero(c.numbers == z) for z in elements] for c in labelled], dtype=float)
    totals = np.array([c.energy for c in labelled])
    per_atom = counts.sum(axis=1)
    guess, *_ = np.linalg.lstsq(counts / per_atom[:, None], totals / per_atom, rcond=1e-8)
    return guess, False


def distances_of(data: Dataset, elements: Sequence[int]) -> Distances:
    """Shortest and typical nearest-neighbour distances of every pair of elements in the data."""
    _refuse_flat_cells(data)
    known = pair_shells(data)
    if any(shell.shortest < COINCIDENT for shell in known.values()):
        _refuse_coincident(data)
    distances = Distances.unknown(len(elements))
    for i, a in enumerate(elements):
        for j, b in enumerate(elements):
            shell = known.get((min(a, b), max(a, b)))
            if shell is not None:
                distances.shortest[i, j] = shell.shortest
                distances.first_neighbour[i, j] = shell.first_neighbour
    return distances


def _refuse_flat_cells(data: Dataset) -> None:
    """Refuse cells in which an atom meets its own image: their neighbours would fill the memory."""
    for number, configuration in enumerate(data):
        lengths = np.linalg.norm(configuration.cell, axis=1)[configuration.pbc]
        if np.any(lengths < COINCIDENT):
            raise InputError(
                f"Configuration {number} ({configuration.config_type}) has a lattice vector of "
                f"{lengths.min():.3g} angstrom; correct its unit, or leave the configuration out."
            )


def _refuse_coincident(data: Dataset) -> None:
    for number, configuration in enumerate(data):
        i, j, distance = pair_distances(
            configuration.positions, configuration.cell, configuration.pbc, COINCIDENT
        )
        if len(distance):
            closest = int(np.argmin(distance))
            raise InputError(
                f"Configuration {number} ({configuration.config_type}) has the atoms {i[closest]} and "
                f"{j[closest]} at a distance of {distance[closest]:.3g} angstrom; correct it, or leave it "
                "out with data.filter.min_distance_angstrom."
            )
