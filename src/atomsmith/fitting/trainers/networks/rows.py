"""What a network is trained on: features of atoms, and how errors follow from energies and dE/dB.

The gradients of the features of a configuration stand in dense blocks: a few centres, the atoms that they
depend on. In cells as small as those of training sets nearly all atoms depend on all others, and a product
with the Jacobian of the networks is then one multiplication of matrices. They are kept in single precision as
long as they fit into a budget, and made again in every pass where they do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atomsmith.evaluator import DescriptorRows, PlanEvaluator, species_of
from atomsmith.fitting.trainers.training import Residual
from atomsmith.systems import FloatArray, IntArray, Systems

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration

Single = NDArray[np.float32]
CENTRES_AT_ONCE = 96
"""Centres of a block. Fewer atoms have about as many dependents as a block then has rows."""
BUDGET_BYTES = 2 * 2**30


@dataclass(frozen=True, eq=False)
class GradientBlock:
    """Gradients of the features of some centres of one species.

    Attributes
    ----------
    species
        Of the centres.
    centres
        Atoms of the configuration, shape (c,).
    rows
        Force components that depend on them, shape (r,), 3 * atom + axis.
    forces
        -dB/dr of the scaled features, shape (r, c * D).
    virial
        -dB/dstrain, shape (6, c * D).
    """

    species: int
    centres: NDArray[np.int64]
    rows: NDArray[np.int64]
    forces: Single
    virial: Single

    @property
    def n_bytes(self) -> int:
        """Memory taken."""
        return self.forces.nbytes + self.virial.nbytes


@dataclass(frozen=True, eq=False)
class Scaling:
    """What makes features of every species fit to train on: mix @ ((B - shift) * scale).

    Features of one descriptor are so nearly functions of each other that standardised ones leave an
    ill-conditioned problem; the mix makes their covariance nearly the unit matrix. It joins the weights of
    the first layer when training is done.
    """

    shift: list[FloatArray]
    scale: list[FloatArray]
    mix: list[FloatArray]

    @classmethod
    def of(cls, features: Sequence[FloatArray]) -> Scaling:
        """Zero mean, unit variance, no correlation; features that do not vary have a scale of zero.

        Parameters
        ----------
        features
            Of the atoms of each species, shape (atoms, D).
        """
        shift, scale, mix = [], [], []
        for values in features:
            mean = values.mean(axis=0) if len(values) else np.zeros(values.shape[1])
            std = values.std(axis=0) if len(values) else np.zeros(values.shape[1])
            varies = std > 1e-10 * max(1e-300, float(np.abs(values).max(initial=0.0)))
            shift.append(mean)
            scale.append(np.divide(1.0, std, out=np.zeros_like(std), where=varies))
            mix.append(_whitening((values - shift[-1]) * scale[-1]))
        return cls(shift, scale, mix)

    def applied(self, species: int, features: FloatArray) -> FloatArray:
        """Inputs of atoms of a species, shape (atoms, D)."""
        standard = (features - self.shift[species]) * self.scale[species]
        inputs: FloatArray = standard @ self.mix[species].T
        return inputs

    def applied_to_slopes(self, species: int, slopes: FloatArray) -> FloatArray:
        """The same of derivatives of features, shape (..., D)."""
        mixed: FloatArray = (slopes * self.scale[species]) @ self.mix[species].T
        return mixed


SMALLEST_VARIANCE = 1.0e-3
"""Of a combination of standardised features, relative to one of them: smaller ones are stretched less, as
they hold more of noise."""


def _whitening(standard: FloatArray) -> FloatArray:
    """Symmetric matrix that takes the correlations out of standardised features (atoms, D)."""
    variance, axes = np.linalg.eigh(standard.T @ standard / max(1, len(standard)))
    stretch = 1.0 / np.sqrt(np.maximum(variance, 0.0) + SMALLEST_VARIANCE)
    mix: FloatArray = (axes * stretch) @ axes.T
    return mix


class TrainingRows:
    """Features and gradients of a training set.

    Parameters
    ----------
    plan
        One part: the descriptor.
    columns
        Features of each species among those of the part.
    configurations, residuals
        What to train on.
    n_threads
        Threads of the engine.
    budget_bytes
        Gradients beyond this are made again in every pass.

    Attributes
    ----------
    scaling
        Of the features.
    inputs
        Scaled features of all atoms of each species, shape (atoms, D).
    place
        Where the inputs of the atoms of a configuration stand: (species (N,), index among its species' (N,)).
    """

    def __init__(
        self,
        plan: dict[str, Any],
        columns: Sequence[IntArray],
        configurations: Sequence[Configuration],
        residuals: Sequence[Residual],
        *,
        n_threads: int = 1,
        budget_bytes: int = BUDGET_BYTES,
        scaling: Scaling | None = None,
    ) -> None:
        self.configurations, self.residuals = configurations, residuals
        self._columns = columns
        self._evaluator = PlanEvaluator(plan, n_threads=n_threads)
        self._elements = plan["elements"]
        self.place: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._kept: list[list[GradientBlock] | None] = []
        features: list[list[FloatArray]] = [[np.zeros((0, len(own)))] for own in columns]
        counts = np.zeros(len(columns), dtype=np.int64)
        for configuration in configurations:
            systems = Systems.from_configurations([configuration])
            species = species_of(systems.numbers, self._elements).astype(np.int64)
            values = self._evaluator.features(systems)
            index = np.zeros(len(species), dtype=np.int64)
            for z, of_species in enumerate(columns):
                own = np.flatnonzero(species == z)
                index[own] = counts[z] + np.arange(len(own))
                counts[z] += len(own)
                features[z].append(values[np.ix_(own, of_species)])
            self.place.append((species, index))
        joined = [np.concatenate(some) for some in features]
        self.scaling = scaling or Scaling.of(joined)
        self.inputs = [self.scaling.applied(z, values) for z, values in enumerate(joined)]
        left = budget_bytes
        for number in range(len(configurations)):
            made = self._make(number) if left > 0 else None
            left -= sum(block.n_bytes for block in made or ())
            self._kept.append(made)

    def __len__(self) -> int:
        return len(self.configurations)

    def of_residuals(self, residuals: Sequence[Residual]) -> TrainingRows:
        """The same features and gradients for other residuals of the same configurations."""
        other = copy(self)
        other.residuals = residuals
        return other

    def blocks(self, number: int) -> list[GradientBlock]:
        """Gradients of one configuration; kept, or made now."""
        kept = self._kept[number]
        return self._make(number) if kept is None else kept

    def _make(self, number: int) -> list[GradientBlock]:
        systems = Systems.from_configurations([self.configurations[number]])
        rows = self._evaluator.descriptor_rows(systems, 0)
        return list(self._cut(rows, self.place[number][0]))

    def _cut(self, rows: DescriptorRows, species: NDArray[np.int64]) -> Iterator[GradientBlock]:
        for z, n in enumerate(map(len, self._columns)):
            own = np.flatnonzero(species == z)
            for start in range(0, len(own), CENTRES_AT_ONCE):
                centres = own[start : start + CENTRES_AT_ONCE]
                lengths = rows.first[centres + 1] - rows.first[centres]
                at = np.concatenate([np.arange(rows.first[i], rows.first[i + 1]) for i in centres])
                atoms, where = np.unique(rows.atom[at], return_inverse=True)
                dense = np.zeros((len(atoms), 3, len(centres), n), np.float32)
                slopes = self.scaling.applied_to_slopes(z, rows.gradients[at, :, :n])
                dense[where, :, np.repeat(np.arange(len(centres)), lengths)] = -slopes
                strain = -self.scaling.applied_to_slopes(z, rows.strain[centres][:, :, :n])
                strain = strain.transpose(1, 0, 2)
                yield GradientBlock(
                    species=z,
                    centres=centres,
                    rows=(3 * atoms[:, None] + np.arange(3)).reshape(-1).astype(np.int64),
                    forces=dense.reshape(3 * len(atoms), -1),
                    virial=strain.reshape(6, -1).astype(np.float32),
                )
